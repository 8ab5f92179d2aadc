import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from 'typeorm';
import { ValidationError } from '../errors/validation.error.js';
import type { CurrentRun } from './current-run.js';
import type { Duration } from './duration.js';
import { Snooze } from './snooze.js';
import type { Task } from './task.js';

/**
 * The run that is under way, injectable into the class of a handler. It follows the handler
 * through every `await`, so methods keep their plain signature.
 *
 * Outside a run, as in a unit test that calls the method directly, `signal` never aborts,
 * `attempt` is 1, `progress` and `log` do nothing; `task`, `complete` and `fence` throw.
 *
 * @publicApi
 */
export class TaskContext {
  private readonly storage = new AsyncLocalStorage<CurrentRun>();

  /** Whether a task is running here. */
  get active(): boolean {
    return this.storage.getStore() !== undefined;
  }

  /** The run that is under way here. @internal */
  get current(): CurrentRun | undefined {
    return this.storage.getStore();
  }

  /**
   * The task.
   *
   * @throws ValidationError outside a run.
   */
  get task(): Task {
    return this.runFor('task was read').task;
  }

  /** Number of this attempt, from 1. */
  get attempt(): number {
    return this.storage.getStore()?.attempt ?? 1;
  }

  /** Whether the task fails for good if this attempt does. */
  get lastAttempt(): boolean {
    return this.storage.getStore()?.lastAttempt ?? false;
  }

  /**
   * Aborts on timeout, cancel, shutdown and loss of the lease; its `reason` is a
   * `TaskTimeoutError`, `TaskCancelledError`, `WorkerShutdownError` or `LeaseLostError`.
   */
  get signal(): AbortSignal {
    return this.storage.getStore()?.signal ?? new AbortController().signal;
  }

  /**
   * Publishes how far the run is: 0 to 100 or any small value. Kept with the task, the latest
   * wins; written at most ten times a second.
   *
   * @throws SerializationError when the value cannot be kept or takes more than 64 KiB.
   */
  progress(value: unknown): void {
    this.storage.getStore()?.progress(value);
  }

  /** Keeps a line with the task: at most 8 KiB each and 1,000 a task, the oldest are dropped. */
  log(line: string): void {
    this.storage.getStore()?.log(line);
  }

  /**
   * Leaves the handler and runs the task again later; the attempt does not count.
   *
   * @throws Snooze always: do not catch it.
   */
  snooze(duration: Duration): never {
    const snooze = new Snooze(duration);
    this.storage.getStore()?.snooze(snooze.delay);
    throw snooze;
  }

  /**
   * Completes the task inside a transaction of the handler: what else is written in it and the
   * completion become true together, or not at all. Call it last in the transaction; what the
   * handler returns or throws after the commit changes nothing any more. After a rollback it may
   * be called again in another transaction.
   *
   * @example
   * await queue.transaction(async (manager) => {
   *   await manager.insert(Payment, payment);
   *   await run.complete(manager, payment.id);
   * });
   *
   * @param manager the one that `queue.transaction()` or `dataSource.transaction()` passes; its
   * DataSource leads to the database of the tasks.
   * @param value what the task resolves to. @default undefined
   * @throws LeaseLostError when the task was handed on: let it through, so that the transaction
   * rolls back.
   * @throws SerializationError when the value cannot be kept; ValidationError for a manager
   * through which the tasks cannot be reached, for a second call, after `snooze` and outside a run.
   */
  async complete(manager: EntityManager, value?: unknown): Promise<void> {
    await this.runFor('complete was called').complete(manager, value);
  }

  /**
   * Keeps the task from being handed on before the transaction has ended, so that a run that is
   * too late cannot commit. On SQLite it takes the write lock of the file: call it first.
   *
   * @throws LeaseLostError when the task was handed on already: let it through, so that the
   * transaction rolls back.
   * @throws ValidationError for a manager through which the tasks cannot be reached, and outside a
   * run.
   */
  async fence(manager: EntityManager): Promise<void> {
    await this.runFor('fence was called').fence(manager);
  }

  private runFor(what: string): CurrentRun {
    const run = this.storage.getStore();
    if (run) return run;
    throw new ValidationError(
      `TaskContext.${what} outside a task. Check TaskContext.active first.`,
    );
  }

  /**
   * No run follows. Node looks at every storage in use whenever a promise is made, and never
   * forgets one by itself.
   */
  close(): void {
    this.storage.disable();
  }

  /** Runs `work` as part of the given run. */
  enter<R extends CurrentRun, T>(run: R, work: (run: R) => T): T {
    return this.storage.run(run, work, run);
  }
}
