import { startMariadb } from '../app/databases/mariadb-server.js';
import type { OwnServer } from '../app/databases/own-server.js';
import { startPostgres } from '../app/databases/postgres-server.js';
import type { Arena } from './arena.js';
import { LoopDisk } from './loop-disk.js';

/** Opens the arena on a server that has a disk to itself, to which anything may happen. */
export async function openOnDisk(
  arena: Arena,
  megabytes: number,
): Promise<{ disk: LoopDisk; server: OwnServer }> {
  const disk = new LoopDisk(megabytes);
  arena.afterwards(() => disk.close());
  const start = arena.kind === 'postgres' ? startPostgres : startMariadb;
  const server = await start({ disk: disk.path });
  arena.afterwards(() => server.close());
  await arena.open({}, await server.createDatabase());
  return { disk, server };
}
