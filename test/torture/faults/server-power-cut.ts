import { startMariadb } from '../../app/databases/mariadb-server.js';
import { startPostgres } from '../../app/databases/postgres-server.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { troubles } from '../trouble.js';

/** The power of the server's disk is cut; the producers and workers live on, elsewhere. */
export const serverPowerCut: Fault = {
  name: 'power-cut',
  title: `the power of the server's disk is cut`,
  kinds: ['postgres', 'mariadb'],
  missing: () => LoopDisk.missing(),
  async play(arena) {
    const disk = new LoopDisk(2048);
    arena.afterwards(() => disk.close());
    const start = arena.kind === 'postgres' ? startPostgres : startMariadb;
    const server = await start({ disk: disk.path });
    arena.afterwards(() => server.close());
    await arena.open({}, await server.createDatabase());
    return troubles(arena, async () => {
      disk.cutPower();
      await server.crash();
      await disk.restart();
      await server.start();
    });
  },
};
