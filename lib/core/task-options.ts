import type { Duration } from './duration.js';
import type { Backoff, BackoffFunction } from './retry-policy.js';
import type { Task } from './task.js';

/**
 * Options of `@Task()`.
 *
 * @publicApi
 */
export interface TaskOptions {
  /** Name under which tasks are stored; keep it when you rename the method. @default 'Class.method' */
  name?: string;
  /** Queue of its tasks unless the enqueue says otherwise. @default 'default' */
  queue?: string;
  /** Runs before the task fails, 1..1000. @default 3 */
  attempts?: number;
  /** Delay between attempts. @default exponential from 1 s, doubling, full jitter, at most 1 h */
  backoff?: Backoff | BackoffFunction;
  /** Longest run; then the signal aborts. @default no limit */
  timeout?: Duration;
  /** -32768..32767, higher first. @default 0 */
  priority?: number;
  /** Runs of this handler at once in this process. @default the worker's concurrency */
  concurrency?: number;
  /** False fails the task without further attempts. @default always retry */
  retryIf?: (error: Error, task: Task) => boolean;
}
