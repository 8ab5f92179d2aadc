import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSqliteAt } from '../../app/stores.js';
import { Ballast } from '../ballast.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { troubles } from '../trouble.js';

/** The disk fills up, stays full for two seconds, and has room again. */
export const diskFull: Fault = {
  name: 'disk-full',
  title: 'the disk is full for 2 s',
  kinds: ['sqlite'],
  missing: () => LoopDisk.missing(),
  async play(arena) {
    const disk = new LoopDisk(128);
    arena.afterwards(() => disk.close());
    await arena.open({}, createSqliteAt(join(disk.path, 'tasks.sqlite')));
    const ballast = new Ballast(disk);
    return troubles(arena, async () => {
      ballast.fill();
      await sleep(2000);
      ballast.remove();
    });
  },
};
