import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { EXCUSED_BY_A_LOSS, machineDeaths } from '../machine-deaths.js';

/** The power of the disk is cut amid the work, and every process dies with it. */
export const powerCut: Fault = {
  name: 'power-cut',
  title: 'the power of the disk is cut, every process dies',
  kinds: ['sqlite'],
  missing: () => LoopDisk.missing(),
  excused: EXCUSED_BY_A_LOSS,
  play: (arena) => machineDeaths(arena, async (disk) => disk.cutPower()),
};
