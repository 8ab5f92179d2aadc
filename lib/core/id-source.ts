import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES_PER_ID = 16;

/**
 * Makes UUIDv7 ids that rise strictly, also within a millisecond, so that their index grows at
 * its end. Random bytes come from a pool: fetching them per id costs more than storing the task.
 */
export class IdSource {
  private readonly pool = new Uint8Array(512 * BYTES_PER_ID);
  private used = this.pool.length;
  private msecs = 0;
  private seq = 0;

  next(): string {
    const now = Date.now();
    const random = this.random();
    if (now > this.msecs) {
      this.msecs = now;
      // A random start keeps two processes apart; its top bit is free, so there is room to rise.
      this.seq = ((random[6]! & 0x7f) << 24) | (random[7]! << 16) | (random[8]! << 8) | random[9]!;
    } else {
      this.seq += 1;
    }
    return v7({ msecs: this.msecs, seq: this.seq, random });
  }

  private random(): Uint8Array {
    if (this.used === this.pool.length) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    return this.pool.subarray(this.used, (this.used += BYTES_PER_ID));
  }
}
