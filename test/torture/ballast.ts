import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LoopDisk } from './loop-disk.js';

const BLOCK = Buffer.alloc(1024 * 1024);

/** What takes all the room that is left on a disk. */
export class Ballast {
  private readonly file: string;

  constructor(disk: LoopDisk) {
    this.file = join(disk.path, 'ballast');
  }

  /** From now on the disk is full. */
  fill(): void {
    for (const block of [BLOCK, BLOCK.subarray(0, 512)]) {
      try {
        for (;;) appendFileSync(this.file, block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  }

  /** Ends that. */
  remove(): void {
    rmSync(this.file);
  }
}
