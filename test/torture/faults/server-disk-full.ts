import { setTimeout as sleep } from 'node:timers/promises';
import { startMariadb } from '../../app/databases/mariadb-server.js';
import { startPostgres } from '../../app/databases/postgres-server.js';
import { Ballast } from '../ballast.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { troubles } from '../trouble.js';

/** The server's disk fills up and has room again; a server that ended by that is started again. */
export const serverDiskFull: Fault = {
  name: 'disk-full',
  title: `the server's disk is full for 2 s`,
  kinds: ['postgres', 'mariadb'],
  missing: () => LoopDisk.missing(),
  async play(arena) {
    const disk = new LoopDisk(512);
    arena.afterwards(() => disk.close());
    const start = arena.kind === 'postgres' ? startPostgres : startMariadb;
    const server = await start({ disk: disk.path });
    arena.afterwards(() => server.close());
    await arena.open({}, await server.createDatabase());
    const ballast = new Ballast(disk);
    return troubles(arena, async () => {
      ballast.fill();
      await sleep(2000);
      ballast.remove();
      await server.revive();
    });
  },
};
