import { setTimeout as sleep } from 'node:timers/promises';
import { Ballast } from '../ballast.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { openOnDisk } from '../open-on-disk.js';
import { troubles } from '../trouble.js';

/** The server's disk fills up and has room again; a server that ended by that is started again. */
export const serverDiskFull: Fault = {
  name: 'disk-full',
  title: `the server's disk is full for 2 s`,
  kinds: ['postgres', 'mariadb'],
  missing: () => LoopDisk.missing(),
  async play(arena) {
    const { disk, server } = await openOnDisk(arena, 512);
    const ballast = new Ballast(disk);
    return troubles(arena, async () => {
      ballast.fill();
      await sleep(2000);
      ballast.remove();
      await server.revive();
    });
  },
};
