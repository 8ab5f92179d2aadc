/**
 * States of a task. `completed`, `failed` and `cancelled` are terminal.
 *
 * @publicApi
 */
export type TaskStatus = 'queued' | 'running' | 'blocked' | 'completed' | 'failed' | 'cancelled';

/**
 * What a backend keeps of a task. Instants are milliseconds since the epoch; arguments, backoff
 * and meta are text that only the queue and the worker interpret.
 *
 * @publicApi
 */
export interface StoredTask {
  readonly id: string;
  /** The handler's name, `Class.method` unless the handler says otherwise. */
  readonly name: string;
  readonly queue: string;
  /** The serialized array of arguments. */
  readonly payload: string;
  readonly status: TaskStatus;
  /** -32768..32767, higher first. */
  readonly priority: number;
  /** The task does not start before this instant. */
  readonly eta: number;
  /** Attempts counted so far; each is counted when it is claimed. */
  readonly attempt: number;
  /** The limit given at enqueue, or fixed at the first claim from the handler's; null before. */
  readonly maxAttempts: number | null;
  /** Rises at every claim; a write with an older one is refused. */
  readonly lease: number;
  readonly workerId: string | null;
  /** The timeout given at enqueue in ms; null means the handler's. */
  readonly timeout: number | null;
  /** The backoff given at enqueue as JSON; null means the handler's. */
  readonly backoff: string | null;
  /** The string map given at enqueue as JSON. */
  readonly meta: string | null;
  readonly cancelRequestedAt: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** The latest progress, serialized. */
  readonly progress: string | null;
}

/**
 * A task on its way into the store.
 *
 * @publicApi
 */
export type NewTask = Pick<
  StoredTask,
  | 'id'
  | 'name'
  | 'queue'
  | 'payload'
  | 'priority'
  | 'eta'
  | 'maxAttempts'
  | 'timeout'
  | 'backoff'
  | 'meta'
  | 'createdAt'
>;

/**
 * A task that a worker has claimed: the attempt is counted and the lease is its own.
 *
 * @publicApi
 */
export type ReservedTask = NewTask & Pick<StoredTask, 'attempt' | 'lease'>;

/**
 * A task as the application sees it.
 *
 * @publicApi
 */
export interface Task {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** Empty where what is stored cannot be read. */
  readonly args: readonly unknown[];
  readonly status: TaskStatus;
  readonly priority: number;
  readonly eta: Date;
  readonly attempt: number;
  readonly maxAttempts: number | null;
  readonly workerId: string | null;
  readonly meta: Readonly<Record<string, string>>;
  /** What the handler last gave to `TaskContext.progress`, else null. */
  readonly progress: unknown;
  readonly cancelRequested: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}
