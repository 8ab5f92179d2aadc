import { userInfo } from 'node:os';
import { Client } from 'pg';
import { startPostgres } from './own-postgres.mjs';

/** The server that was named, one that is here, or one of our own; `stop` ends the latter. */
export async function findPostgres(folder) {
  const named = process.env.SITQ_BENCH_POSTGRES_URL;
  if (named) return { url: named, stop: async () => {} };
  for (const user of new Set(['postgres', 'root', userInfo().username])) {
    const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`;
    if (await mayCreate(url)) return { url, stop: async () => {} };
  }
  return startPostgres(folder);
}

async function mayCreate(url) {
  const client = new Client(url);
  try {
    await client.connect();
    const { rows } = await client.query(
      'SELECT rolcreatedb OR rolsuper AS may FROM pg_roles WHERE rolname = current_user',
    );
    await client.end();
    return rows[0].may;
  } catch {
    return false;
  }
}
