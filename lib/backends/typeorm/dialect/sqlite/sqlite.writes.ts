import type { Database } from 'better-sqlite3';
import type { Clock } from '../../../../core/clock.js';
import type { NewTask, ReservedTask, TaskStatus } from '../../../../core/task.js';
import { LeaseLostError } from '../../../../errors/lease-lost.error.js';
import { refusedWrite } from '../../refused-write.js';
import { takenId } from '../../taken-id.js';
import type { Rescue, WriteKind, WriteKinds } from '../../write-batch.js';
import { stranger } from '../stranger.js';
import type { SqliteClaim } from './sqlite.claim.js';
import type { SqliteRescue } from './sqlite.rescue.js';
import { ROWS_PER_INSERT, type SqliteStatements } from './sqlite.statements.js';

type Apply = {
  readonly [K in WriteKind]: (input: WriteKinds[K]['input']) => WriteKinds[K]['outcome'];
};

const COLUMNS_PER_ROW = 11;

/** What each kind of write does inside the transaction. */
export class SqliteWrites implements Apply {
  constructor(
    private readonly db: Database,
    private readonly statements: SqliteStatements,
    private readonly claims: SqliteClaim,
    private readonly rescues: SqliteRescue,
    private readonly clock: Clock,
    /** Workers registered by this process: for these, a missing row means a lost lease. */
    private readonly registered: Set<string>,
  ) {}

  readonly insert = (tasks: readonly NewTask[]): void => {
    const single = tasks.length === 1;
    if (!single) this.statements.savepoint.run();
    try {
      this.insertRows(tasks);
    } catch (error) {
      // A full disk has rolled back everything already, the savepoint with it.
      if (!single && this.db.inTransaction) {
        this.statements.rollbackTo.run();
        this.statements.release.run();
      }
      throw error;
    }
    if (!single) this.statements.release.run();
  };

  private insertRows(tasks: readonly NewTask[]): void {
    let at = 0;
    for (; tasks.length - at >= ROWS_PER_INSERT; at += ROWS_PER_INSERT) {
      const values: unknown[] = new Array(ROWS_PER_INSERT * COLUMNS_PER_ROW);
      for (let row = 0; row < ROWS_PER_INSERT; row += 1) {
        fill(values, row * COLUMNS_PER_ROW, tasks[at + row]!);
      }
      const { changes } = this.statements.insertMany.run(values);
      if (changes < ROWS_PER_INSERT) this.checkSame(tasks.slice(at, at + ROWS_PER_INSERT));
    }
    for (; at < tasks.length; at += 1) {
      const values: unknown[] = new Array(COLUMNS_PER_ROW);
      fill(values, 0, tasks[at]!);
      if (this.statements.insertOne.run(values).changes === 0) this.checkSame([tasks[at]!]);
    }
  }

  /** An id that exists already is the same enqueue repeated, or a mistake. */
  private checkSame(tasks: readonly NewTask[]): void {
    for (const { id, name, payload } of tasks) {
      if (this.statements.same.get(id, name, payload) === undefined) {
        throw takenId(id);
      }
    }
  }

  readonly settle = ({ taskId, result }: WriteKinds['settle']['input']): void => {
    const { lease } = result;
    const now = this.clock.now();
    const { complete, fail, endCancelled } = this.statements;
    if (result.status === 'success') {
      this.must(complete.run(result.value, now, taskId, lease), taskId, lease);
    } else if (result.status === 'failed') {
      this.must(fail.run(JSON.stringify(result.error), now, taskId, lease), taskId, lease);
    } else {
      const error = result.error ? JSON.stringify(result.error) : null;
      this.must(endCancelled.run(error, now, taskId, lease), taskId, lease);
    }
  };

  readonly change = ({ taskId, status, change }: WriteKinds['change']['input']): void => {
    const now = this.clock.now();
    const { lease, eta = null, giveBack = false } = change;
    const error = change.error ? JSON.stringify(change.error) : null;
    const { cancelWaiting, endCancelled, requeue, reschedule } = this.statements;
    if (lease === undefined) {
      const done =
        status === 'queued' ? reschedule.run(eta, error, taskId) : cancelWaiting.run(now, taskId);
      this.must(done, taskId, lease, status);
    } else if (status === 'cancelled') {
      this.must(endCancelled.run(error, now, taskId, lease), taskId, lease);
    } else {
      const done = requeue.run(now, giveBack ? 1 : 0, eta, error, taskId, lease);
      this.must(done, taskId, lease);
    }
  };

  private must(
    { changes }: { changes: number },
    taskId: string,
    lease: number | undefined,
    status?: string,
  ): void {
    if (changes === 1) return;
    const exists = this.statements.status.get(taskId) !== undefined;
    throw refusedWrite(taskId, exists, lease, status);
  }

  readonly cancel = (taskId: string): TaskStatus | null => {
    const now = this.clock.now();
    if (this.statements.cancelWaiting.run(now, taskId).changes === 0) {
      this.statements.requestCancel.run(now, taskId);
    }
    return (this.statements.status.get(taskId) as TaskStatus | undefined) ?? null;
  };

  readonly report = ({ taskId, report }: WriteKinds['report']['input']): void => {
    const { addLine, dropOldLines, reporting, setProgress } = this.statements;
    const task = reporting.get(taskId, report.lease);
    if (task === undefined) return this.must({ changes: 0 }, taskId, report.lease);
    if (report.progress !== undefined) setProgress.run(...task, report.progress);
    if (report.lines?.length) {
      for (const { attempt, at, line } of report.lines) addLine.run(...task, attempt, at, line);
      const [seq, id] = task;
      dropOldLines.run(seq, id, seq, id);
    }
  };

  readonly register = ({ worker, beat }: WriteKinds['register']['input']): void => {
    const now = this.clock.now();
    const queues = worker.queues ? JSON.stringify(worker.queues) : null;
    this.statements.register.run(
      worker.id,
      worker.host,
      worker.pid,
      worker.processIdentity,
      worker.version,
      queues,
      JSON.stringify(worker.handlers),
      JSON.stringify(worker.limits),
      worker.concurrency,
      beat.lease,
      now + beat.lease,
      beat.inFlight,
      beat.stuck,
      JSON.stringify(beat.lingering),
      beat.loopLag,
      now,
    );
    this.registered.add(worker.id);
  };

  readonly renew = ({ workerId, beat }: WriteKinds['renew']['input']): boolean => {
    const { lease, inFlight, stuck, lingering, loopLag } = beat;
    const expiresAt = this.clock.now() + lease;
    const { changes } = this.statements.renew.run(
      lease,
      expiresAt,
      inFlight,
      stuck,
      JSON.stringify(lingering),
      loopLag,
      workerId,
    );
    return changes === 1;
  };

  readonly retire = (workerId: string): void => {
    this.statements.retire.run(workerId);
    this.registered.delete(workerId);
  };

  readonly prune = ({ endedBefore, most }: WriteKinds['prune']['input']): number => {
    const { ended, removeLogs, removeProgress, removeTasks } = this.statements;
    const seqs: number[] = [];
    for (const [state, limit] of Object.entries(endedBefore)) {
      if (seqs.length < most) seqs.push(...ended.all(state, limit, most - seqs.length));
    }
    if (seqs.length === 0) return 0;
    const listed = JSON.stringify(seqs);
    removeLogs.run(listed);
    removeProgress.run(listed);
    removeTasks.run(listed);
    return seqs.length;
  };

  readonly rescue = (input: WriteKinds['rescue']['input']): Rescue =>
    this.rescues.rescue(input, this.clock.now());

  readonly claim = ({ workerId, request }: WriteKinds['claim']['input']): ReservedTask[] => {
    this.checkRegistration(workerId);
    return this.claims.claim(workerId, request, this.clock.now());
  };

  /**
   * A claim needs a registration that holds, else the next sweep would take the task away again.
   * One that ran out unnoticed is extended; one that was taken away is a lost lease.
   */
  private checkRegistration(workerId: string): void {
    const now = this.clock.now();
    const expiresAt = this.statements.workerExpiry.get(workerId);
    if (expiresAt !== undefined) {
      if (expiresAt <= now) this.statements.extend.run(now, workerId);
    } else if (this.registered.has(workerId)) {
      throw new LeaseLostError(workerId);
    } else {
      this.register(stranger(workerId));
    }
  }
}

function fill(values: unknown[], at: number, task: NewTask): void {
  values[at] = task.id;
  values[at + 1] = task.name;
  values[at + 2] = task.queue;
  values[at + 3] = task.payload;
  values[at + 4] = task.priority;
  values[at + 5] = task.eta;
  values[at + 6] = task.maxAttempts;
  values[at + 7] = task.timeout;
  values[at + 8] = task.backoff;
  values[at + 9] = task.meta;
  values[at + 10] = task.createdAt;
}
