import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFolder } from './folder.mjs';
import { findPostgres } from './find-postgres.mjs';
import { FoundRedis } from './found-redis.mjs';
import { OwnRedis } from './own-redis.mjs';
import { PostgresStores } from './postgres.mjs';
import { SqliteStores } from './sqlite.mjs';

/** Stores of the kinds that are wanted and can be had, by kind, and how to leave them. */
export async function openStores(kinds) {
  const folder = createFolder();
  const leave = [() => rmSync(folder, { recursive: true, force: true })];
  const stores = {};
  if (kinds.has('sqlite')) stores.sqlite = new SqliteStores(join(folder, 'sqlite'));
  if (kinds.has('postgres')) {
    const server = await findPostgres(folder);
    leave.push(() => server.stop());
    stores.postgres = await PostgresStores.open(server.url);
  }
  if (kinds.has('redis')) {
    stores.redis = OwnRedis.find(join(folder, 'redis')) ?? (await FoundRedis.find());
  }
  for (const store of Object.values(stores)) if (store) leave.push(() => store.close());
  return {
    stores,
    async close() {
      for (const each of leave.reverse()) await each();
    },
  };
}
