import { join } from 'node:path';
import { createSqliteAt } from '../../app/stores.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';

/**
 * The power of the disk is cut amid the work, with durability full. Every process dies with it. A
 * claim is not synced before its handler begins: what ran at that moment runs again as if it never
 * had, so its lease and its attempt may be counted anew.
 */
export const powerCut: Fault = {
  name: 'power-cut',
  title: 'the power of the disk is cut, every process dies',
  kinds: ['sqlite'],
  missing: () => LoopDisk.missing(),
  excused: /^(I3|I5|I6|I7) /,
  async play(arena) {
    const disk = new LoopDisk(256);
    arena.afterwards(() => disk.close());
    const store = createSqliteAt(join(disk.path, 'tasks.sqlite'));
    await arena.open(
      { workers: 2 },
      { ...store, options: { ...store.options, durability: 'full' } },
    );
    await arena.cycles(async () => {
      await arena.pass(500, 1500);
      disk.cutPower();
      await arena.killAll();
      await disk.restart();
      await arena.reopen();
      await arena.startProducer('steady');
      await Promise.all([arena.startWorker(), arena.startWorker()]);
    });
  },
};
