import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendError } from '../../errors/backend.error.js';
import type { Dialect } from './dialect/dialect.js';
import { WriteBatch, type WriteKind, type WriteKinds, type WriteOf } from './write-batch.js';
import { Write } from './write.js';

/** Writes per transaction. */
const MOST_WRITES = 1000;

/**
 * Collects the writes of one turn of the event loop into one transaction and answers each caller
 * after the commit, so that a hundred concurrent calls cost one fsync. While as many batches as may
 * be are being committed or tried again, the next one collects.
 */
export class GroupCommit {
  /** The first is the next to be committed, the last collects. */
  private batches = [new WriteBatch()];
  private collected = 0;
  private scheduled = false;
  private readonly committing = new Set<Promise<void>>();

  /** @param parallel how many batches may be on their way at a time */
  constructor(
    private readonly dialect: Dialect,
    readonly parallel: number,
    private readonly onCommitted: (batch: WriteBatch) => void,
  ) {}

  add<K extends WriteKind>(
    kind: K,
    input: WriteKinds[K]['input'],
  ): Promise<WriteKinds[K]['outcome']> {
    return new Promise<WriteKinds[K]['outcome']>((resolve, reject) => {
      const write = new Write<typeof input, WriteKinds[K]['outcome']>(input, resolve, reject);
      (this.roomyBatch()[kind] as WriteOf<K>[]).push(write as WriteOf<K>);
      this.schedule();
    });
  }

  /** Resolves when all that was accepted is committed or refused. */
  async drain(): Promise<void> {
    while (this.scheduled || this.committing.size > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all(this.committing);
    }
  }

  /** A transaction of any size would hold up the event loop and the other processes. */
  private roomyBatch(): WriteBatch {
    if (this.collected === MOST_WRITES) {
      this.batches.push(new WriteBatch());
      this.collected = 0;
    }
    this.collected += 1;
    return this.batches.at(-1)!;
  }

  private schedule(): void {
    if (this.scheduled || this.committing.size >= this.parallel) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const committing = this.commit().finally(() => {
        this.committing.delete(committing);
        if (this.collected > 0) this.schedule();
      });
      this.committing.add(committing);
      if (this.collected > 0) this.schedule();
    });
  }

  private async commit(): Promise<void> {
    const batch = this.batches.shift()!;
    if (this.batches.length === 0) {
      this.batches.push(new WriteBatch());
      this.collected = 0;
    }
    try {
      await this.tryUntilDone(batch);
    } catch (error) {
      this.fail(batch, this.dialect.toBackendError(error));
      return;
    }
    for (const write of batch.all()) write.finish();
    this.onCommitted(batch);
  }

  /** What was decided before the failure stands. */
  private fail(batch: WriteBatch, failure: BackendError): void {
    let decided = false;
    for (const write of batch.all()) {
      decided ||= write.decided;
      if (write.decided) write.finish();
      else write.fail(failure);
    }
    if (decided) this.onCommitted(batch);
  }

  private async tryUntilDone(batch: WriteBatch): Promise<void> {
    const began = performance.now();
    for (let round = 0; ; round += 1) {
      try {
        return await this.dialect.commit(batch);
      } catch (error) {
        if (performance.now() - began >= this.dialect.patienceFor(error)) throw error;
        await sleep(Math.random() * Math.min(50, 2 + 4 * round));
      }
    }
  }
}
