import type { RescuedTask } from '../../../../core/capabilities/leasing-backend.js';
import { isProcessGone } from '../../../../core/process-identity.js';
import { removeMark } from '../../../../core/process-mark.js';
import type { Rescue, WriteKinds, WriteOf } from '../../write-batch.js';
import { ClockSteps } from '../clock-steps.js';
import { workerLost } from '../worker-lost.js';
import { WorkerWatch, type Registration } from '../worker-watch.js';
import type { SqliteStatements } from './sqlite.statements.js';

type Input = WriteKinds['rescue']['input'];

/** Tasks brought forward at a time: the event loop waits for them. */
const MOST_BROUGHT_FORWARD = 5000;

/** Takes over the tasks of lost workers, and frees what a clock that went back holds. */
export class SqliteRescue {
  private readonly watch = new WorkerWatch();
  private readonly steps = new ClockSteps();
  private isAnyEarly = false;

  constructor(private readonly statements: SqliteStatements) {}

  /** Whether there is anything to write. Takes no lock. */
  isNeeded(input: Input, now: number): boolean {
    const isEarly = this.lookForEarly(now); // at each look
    const { length } = this.findLost(input, now);
    return isEarly || length > 0 || this.statements.orphan.get() !== undefined;
  }

  rescue(input: Input, now: number): Rescue {
    const { bringForward, retire, running } = this.statements;
    const isEarly = this.lookForEarly(now);
    const broughtForward = isEarly ? bringForward.run(now, now, MOST_BROUGHT_FORWARD).changes : 0;
    const retired = this.findLost(input, now).map(({ id }) => id);
    for (const id of retired) retire.run(id);
    const registered = new Set(this.statements.workers.all().map(({ id }) => id));
    const tasks: RescuedTask[] = [];
    for (const task of running.all()) {
      if (registered.has(task.workerId)) continue;
      const { seq, id, name, workerId, attempt } = task;
      const status =
        task.cancelRequestedAt !== null
          ? 'cancelled'
          : attempt < task.maxAttempts
            ? 'queued'
            : 'failed';
      const finishedAt = status === 'queued' ? null : now;
      const error = workerLost(workerId, attempt, task.error);
      this.statements.rescue.run(status, finishedAt, error, seq);
      tasks.push({ id, name, workerId, attempt, status });
    }
    return { tasks, broughtForward, retired };
  }

  /** Once it is committed: a worker whose registration is still there is judged by its mark. */
  removeMarks(rescues: readonly WriteOf<'rescue'>[]): void {
    for (const { outcome } of rescues) outcome?.retired?.forEach(removeMark);
  }

  /** Those that are gone or have fallen silent. */
  private findLost({ rescuerId, onlyGone }: Input, now: number): Registration[] {
    const workers = this.statements.workers.all();
    const silentIds = this.watch.look({ workers, now });
    const isLost = (worker: Registration) =>
      worker.id !== rescuerId && ((!onlyGone && silentIds.has(worker.id)) || isProcessGone(worker));
    return workers.filter(isLost);
  }

  /** Whether tasks wait in vain since the clock went back. */
  private lookForEarly(now: number): boolean {
    if (!this.steps.mayHaveGoneBack(now) && !this.isAnyEarly) return false;
    this.isAnyEarly = this.statements.early.get(now) !== undefined;
    return this.isAnyEarly;
  }
}
