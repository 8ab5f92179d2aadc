import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSqliteAt } from '../../app/stores.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { troubles } from '../trouble.js';

/**
 * The file system has found an error of its own and can only be read from then on, as Debian
 * mounts it. Two seconds later the machine starts anew. What was not synced is lost with it.
 */
export const readOnly: Fault = {
  name: 'read-only',
  title: 'the file system turns read-only for 2 s, then the machine starts anew',
  kinds: ['sqlite'],
  missing: () => LoopDisk.missing(),
  excused: /^(I3|I5|I6|I7) /,
  async play(arena) {
    const disk = new LoopDisk(256);
    arena.afterwards(() => disk.close());
    await arena.open({ workers: 2 }, createSqliteAt(join(disk.path, 'tasks.sqlite')));
    return troubles(arena, async () => {
      disk.turnReadOnly();
      await sleep(2000);
      await arena.killAll();
      await disk.restart();
      await arena.reopen();
      await arena.startProducer('steady');
      await Promise.all([arena.startWorker(), arena.startWorker()]);
    });
  },
};
