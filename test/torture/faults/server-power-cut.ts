import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { openOnDisk } from '../open-on-disk.js';
import { troubles } from '../trouble.js';

/** The power of the server's disk is cut; the producers and workers live on, elsewhere. */
export const serverPowerCut: Fault = {
  name: 'power-cut',
  title: `the power of the server's disk is cut`,
  kinds: ['postgres', 'mariadb'],
  missing: () => LoopDisk.missing(),
  async play(arena) {
    const { disk, server } = await openOnDisk(arena, 2048);
    return troubles(arena, async () => {
      disk.cutPower();
      await server.crash();
      await disk.restart();
      await server.start();
    });
  },
};
