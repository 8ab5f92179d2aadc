import type { WriteBatch } from '../../write-batch.js';
import type { SqliteStatements } from './sqlite.statements.js';

/**
 * A batch that was committed to a log of which it is not known whether it was the one in use. It is
 * there as a whole or not at all.
 */
export class DoubtfulBatch {
  constructor(readonly batch: WriteBatch) {}

  /**
   * Whether it is there. False also where it has no write that shows it: then all of them may be
   * done again.
   */
  isKept({ holder, status }: SqliteStatements): boolean {
    const claimed = this.claimed()[0];
    if (claimed) return holder.get(claimed.id, claimed.lease) === claimed.workerId;
    const end = this.ended().find(({ error, lease }) => !error && lease !== undefined);
    if (!end) return false;
    // Its own transaction has seen it running with this lease.
    return status.get(end.id) !== undefined && holder.get(end.id, end.lease!) === undefined;
  }

  /** Its callers were told that it failed: tasks that it claimed all the same wait again. */
  undo({ holder, requeue }: SqliteStatements, now: number): void {
    for (const { id, lease, workerId } of this.claimed()) {
      if (holder.get(id, lease) === workerId) requeue.run(now, 1, null, null, id, lease);
    }
  }

  private claimed() {
    return this.batch.claim.flatMap(({ input: { workerId }, outcome = [] }) =>
      outcome.map(({ id, lease }) => ({ id, lease, workerId })),
    );
  }

  private ended() {
    const { change, settle } = this.batch;
    return [
      ...settle.map(({ error, input }) => ({ error, id: input.taskId, lease: input.result.lease })),
      ...change.map(({ error, input }) => ({ error, id: input.taskId, lease: input.change.lease })),
    ];
  }
}
