import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { EXCUSED_BY_A_LOSS, machineDeaths } from '../machine-deaths.js';

/**
 * The file system has found an error of its own and can only be read from then on, as Debian
 * mounts it. Two seconds later the machine starts anew.
 */
export const readOnly: Fault = {
  name: 'read-only',
  title: 'the file system turns read-only for 2 s, then the machine starts anew',
  kinds: ['sqlite'],
  missing: () => LoopDisk.missing(),
  excused: EXCUSED_BY_A_LOSS,
  play: (arena) =>
    machineDeaths(arena, async (disk) => {
      disk.turnReadOnly();
      await sleep(2000);
    }),
};
