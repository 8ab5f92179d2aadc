import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSqliteAt } from '../../app/stores.js';
import type { Fault } from '../fault.js';
import { LoopDisk } from '../loop-disk.js';
import { troubles } from '../trouble.js';

const BLOCK = Buffer.alloc(64 * 1024);

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
    const ballast = join(disk.path, 'ballast');
    return troubles(arena, async () => {
      fill(ballast);
      await sleep(2000);
      rmSync(ballast);
    });
  },
};

function fill(file: string): void {
  for (const block of [BLOCK, BLOCK.subarray(0, 512)]) {
    try {
      for (;;) appendFileSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}
