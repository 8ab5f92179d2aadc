import type { FinalResult, StoredError, StoredResult } from './result.js';
import type { NewTask, ReservedTask, StoredTask, TaskStatus } from './task.js';

/**
 * How much of one handler a worker can take. `free` is live: the worker lowers and raises it as
 * runs begin and end, and a backend reads it at the moment of the claim.
 *
 * @publicApi
 */
export interface HandlerCapacity {
  /** Runs that may still start in this process; `Infinity` without a limit. */
  free: number;
  /** Attempts of a task that brought no limit of its own. */
  readonly maxAttempts: number;
}

/**
 * What a worker asks for.
 *
 * @publicApi
 */
export interface ReserveRequest {
  /** Most tasks to hand out. @default 1 */
  readonly maxTasks?: number;
  /** Only these queues. @default every queue */
  readonly queues?: readonly string[];
  /** Only tasks of these handlers, within their capacity. @default every handler */
  readonly handlers?: ReadonlyMap<string, HandlerCapacity>;
}

/**
 * What goes with a change of status.
 *
 * @publicApi
 */
export interface StatusChange {
  /** The lease that entitles to change a running task. */
  readonly lease?: number;
  /** With `queued`: the earliest next start. @default unchanged */
  readonly eta?: number;
  /** With `queued`: the attempt does not count (snooze, shutdown). @default false */
  readonly giveBack?: boolean;
  /** With `queued`: why the attempt failed. */
  readonly error?: StoredError;
}

/**
 * Where tasks live. These eight methods are all that a store must have to run tasks; what only
 * some stores can do is described by the small interfaces in `core/capabilities`.
 *
 * Every method rejects with a `BackendError` when the store cannot do it.
 *
 * @publicApi
 */
export abstract class Backend {
  /** How many claims of one worker may usefully be on their way at a time. @default 1 */
  readonly parallelClaims: number = 1;

  /** Makes the store ready. Called once, before anything else. */
  abstract open(): Promise<void>;

  /** Finishes what was accepted and releases the store. Calling it twice is harmless. */
  abstract close(): Promise<void>;

  /**
   * Stores a task. When the promise resolves the task is safe. A second call with the same id,
   * name and payload changes nothing; with another content it is a `ValidationError`.
   */
  abstract enqueueTask(task: NewTask): Promise<void>;

  /**
   * Hands out tasks in the order priority (higher first), eta, enqueue order; each becomes
   * `running` with its attempt and its lease counted.
   */
  abstract reserveTask(workerId: string, request?: ReserveRequest): Promise<ReservedTask[]>;

  /** The task, or null. */
  abstract getTask(taskId: string): Promise<StoredTask | null>;

  /**
   * Takes a running task back to `queued` (with its lease), or a waiting one to `cancelled`.
   *
   * @throws LeaseLostError when the lease is not the current one.
   * @throws TaskNotFoundError when there is no such task.
   * @throws ValidationError when the task's state does not allow the change.
   */
  abstract updateTaskStatus(
    taskId: string,
    status: Extract<TaskStatus, 'queued' | 'cancelled'>,
    change?: StatusChange,
  ): Promise<void>;

  /**
   * Ends a running task: its state and its result in one step.
   *
   * @throws LeaseLostError when the lease is not the current one; nothing changes.
   * @throws TaskNotFoundError when there is no such task.
   */
  abstract storeResult(taskId: string, result: FinalResult): Promise<void>;

  /** The outcome so far (`pending` while not terminal), or null when there is no such task. */
  abstract getResult(taskId: string): Promise<StoredResult | null>;
}
