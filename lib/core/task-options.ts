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
  /**
   * Runs it in a worker thread, for work that keeps a processor busy: the event loop stays free,
   * and a run that ignores its timeout or cancel is ended for certain. Needs
   * `worker: { isolation: { module } }`. Arguments, result, errors, progress and lines are sent
   * across; `retryIf` and a `backoff` function run outside and see an error's name, message, code
   * and plain fields. @default false
   */
  isolate?: boolean;
  /** False fails the task without further attempts. @default always retry */
  retryIf?: (error: Error, task: Task) => boolean;
}
