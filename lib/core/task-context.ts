import { AsyncLocalStorage } from 'node:async_hooks';
import { ValidationError } from '../errors/validation.error.js';
import type { CurrentRun } from './current-run.js';
import { parseDuration, type Duration } from './duration.js';
import { showValue } from './show-value.js';
import { Snooze } from './snooze.js';
import type { Task } from './task.js';

/**
 * The run that is under way, injectable into the class of a handler. It follows the handler
 * through every `await`, so methods keep their plain signature.
 *
 * Outside a run, as in a unit test that calls the method directly, `signal` never aborts,
 * `attempt` is 1, `progress` and `log` do nothing; only `task` throws.
 *
 * @publicApi
 */
export class TaskContext {
  private readonly storage = new AsyncLocalStorage<CurrentRun>();

  /** Whether a task is running here. */
  get active(): boolean {
    return this.storage.getStore() !== undefined;
  }

  /**
   * The task.
   *
   * @throws ValidationError outside a run.
   */
  get task(): Task {
    const run = this.storage.getStore();
    if (!run) {
      throw new ValidationError(
        'TaskContext.task was read outside a task. Check TaskContext.active first.',
      );
    }
    return run.task;
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
    const delay = parseDuration(duration);
    if (delay === undefined) {
      throw new ValidationError(
        `snooze got ${showValue(duration)}. Give milliseconds or a string such as '5m'.`,
        'duration',
        duration,
      );
    }
    this.storage.getStore()?.snooze(delay);
    throw new Snooze(delay);
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
