import { BackendError } from '../../errors/backend.error.js';
import type { CommitGroup, Dialect } from './dialect/dialect.js';
import { tryAgain } from './try-again.js';
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
  private patience = Infinity;
  private readonly committing = new Set<Promise<void>>();

  constructor(
    private readonly dialect: Dialect,
    private readonly group: CommitGroup,
    private readonly onCommitted: (batch: WriteBatch) => void,
  ) {}

  /** How many batches may be on their way at a time. */
  get parallel(): number {
    return this.group.parallel;
  }

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

  /**
   * Resolves when all that was accepted is committed or refused.
   *
   * @param patience how long what fails is tried again at most, in ms.
   */
  async drain(patience: number): Promise<void> {
    this.patience = patience;
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
    const batch = this.batches.at(-1)!;
    if (this.collected === 1) this.open(batch);
    return batch;
  }

  /** Time runs from its first write on. */
  private open(batch: WriteBatch): void {
    const { deadline } = this.group;
    batch.openedAt = performance.now();
    if (deadline !== undefined) batch.timer = setTimeout(() => this.giveUp(batch), deadline);
  }

  private schedule(): void {
    if (this.scheduled || this.committing.size >= this.parallel) return;
    this.scheduled = true;
    const { collected } = this;
    setImmediate(() => {
      this.scheduled = false;
      if (this.isGrowing(collected)) this.schedule();
      else this.send();
    });
  }

  /**
   * While another batch is on its way, one that has grown in this turn may do so in the next one:
   * the fewer transactions, the less each write costs. It ends when the batch is full.
   */
  private isGrowing(collected: number): boolean {
    return this.committing.size > 0 && this.batches.length === 1 && this.collected > collected;
  }

  private send(): void {
    const committing = this.commit().finally(() => {
      this.committing.delete(committing);
      if (this.collected > 0) this.schedule();
    });
    this.committing.add(committing);
    if (this.collected > 0) this.schedule();
  }

  private async commit(): Promise<void> {
    const batch = this.batches.shift()!;
    this.collectAnew();
    try {
      const { dialect } = this;
      const patienceFor = (error: unknown) => Math.min(this.patience, dialect.patienceFor(error));
      await tryAgain(() => dialect.commit(batch), patienceFor, batch.openedAt);
    } catch (error) {
      this.fail(batch, this.dialect.toBackendError(error));
      return;
    } finally {
      clearTimeout(batch.timer);
    }
    for (const write of batch.all()) write.finish();
    this.onCommitted(batch);
  }

  private collectAnew(): void {
    if (this.batches.length > 0) return;
    this.batches.push(new WriteBatch());
    this.collected = 0;
  }

  /** Tells the callers. A commit that is under way goes on: what it does may be repeated. */
  private giveUp(batch: WriteBatch): void {
    const seconds = (this.group.deadline ?? 0) / 1000;
    const failure = new BackendError(
      `The database ${this.dialect.place} has not answered for ${seconds} s. What was to be ` +
        `written may be stored all the same; repeat it later: the same id never makes a second task.`,
      { transient: true },
    );
    this.fail(batch, failure);
    this.batches = this.batches.filter((each) => each !== batch);
    this.collectAnew();
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
}
