import type { Duration } from '../core/duration.js';
import type { Result } from '../core/result.js';
import type { Task, TaskStatus } from '../core/task.js';
import { ResultTimeoutError } from '../errors/result-timeout.error.js';
import { TaskCancelledError } from '../errors/task-cancelled.error.js';
import { TaskFailedError } from '../errors/task-failed.error.js';
import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import { TaskTimeoutError } from '../errors/task-timeout.error.js';
import { readTimeout } from './read-timeout.js';

/** What a handle asks its queue. */
export interface TaskFollower {
  getTask(taskId: string): Promise<Task | null>;
  getResult(
    taskId: string,
    options: { timeout?: Duration; signal?: AbortSignal },
  ): Promise<Result | null>;
  deserializeResult(result: Pick<Result, 'value'>): unknown;
  cancel(taskId: string): Promise<TaskStatus>;
}

/**
 * A task that was enqueued.
 *
 * @publicApi
 */
export class TaskHandle<R = unknown> {
  constructor(
    /** The task's id; `TaskQueue` finds the task again by it, in any process. */
    readonly id: string,
    private readonly queue: TaskFollower,
  ) {}

  /**
   * Waits for the task and resolves to what its handler returned.
   *
   * @param options.timeout how long to wait. @default for ever
   * @param options.signal ends the waiting; the task goes on.
   * @throws TaskFailedError, TaskTimeoutError or TaskCancelledError by how the task ended,
   * ResultTimeoutError when the time is up.
   */
  async result(options: { timeout?: Duration; signal?: AbortSignal } = {}): Promise<R> {
    const result = await this.queue.getResult(this.id, options);
    if (!result) throw new ResultTimeoutError(this.id, readTimeout(options.timeout) ?? 0);
    if (result.status === 'success') return this.queue.deserializeResult(result) as R;
    if (result.status === 'cancelled') throw new TaskCancelledError(this.id);
    // A handler may also let through that another task, for which it waited, timed out.
    const ownTimeout = result.error?.startsWith(`Task ${this.id} `) ?? false;
    if (result.errorCode === 'SITQ_TASK_TIMEOUT' && ownTimeout) {
      throw new TaskTimeoutError(this.id, null, { cause: result.error });
    }
    throw new TaskFailedError(
      this.id,
      result.errorName ?? 'Error',
      result.error ?? '',
      result.stack,
    );
  }

  /** @throws TaskNotFoundError when the task was removed. */
  async status(): Promise<TaskStatus> {
    const task = await this.queue.getTask(this.id);
    if (!task) throw new TaskNotFoundError(this.id);
    return task.status;
  }

  /** As `TaskQueue.cancel`. */
  cancel(): Promise<TaskStatus> {
    return this.queue.cancel(this.id);
  }
}
