import { join } from 'node:path';
import { createSqliteAt } from '../app/stores.js';
import type { Arena } from './arena.js';
import type { Figures } from './fault.js';
import { LoopDisk } from './loop-disk.js';
import { troubles } from './trouble.js';

/**
 * A claim is not synced before its handler begins: what ran when the machine died runs again as if
 * it never had, so its lease and its attempt may be counted anew.
 */
export const EXCUSED_BY_A_LOSS = /^(I3|I5|I6|I7) /;

/** The disk under a file is lost as it stands, and the machine starts anew with what was synced. */
export async function machineDeaths(
  arena: Arena,
  loseDisk: (disk: LoopDisk) => Promise<void>,
): Promise<Figures> {
  const disk = new LoopDisk(256);
  arena.afterwards(() => disk.close());
  await arena.open({ workers: 2 }, createSqliteAt(join(disk.path, 'tasks.sqlite')));
  return troubles(arena, async () => {
    await loseDisk(disk);
    await arena.startAnew(() => disk.restart());
  });
}
