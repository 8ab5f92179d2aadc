import type { Duration } from '../core/duration.js';
import type { IsolationOptions } from './isolation-options.interface.js';

/**
 * How this process runs tasks.
 *
 * @publicApi
 */
export interface WorkerOptions {
  /** Only tasks of these queues. @default every queue */
  queues?: string[];
  /** Tasks at once in this process, 1..10000. @default 10 */
  concurrency?: number;
  /** How often to look for tasks when no wake-up came. @default '1s' */
  pollInterval?: Duration;
  /** How long running tasks may take to finish when the application closes. @default '15s' */
  shutdownTimeout?: Duration;
  /** How long a worker may be silent before its tasks are handed on; at least 1 s. @default '30s' */
  lease?: Duration;
  /** How long a handler may go on after its timeout before it counts as stuck. @default '10s' */
  timeoutGrace?: Duration;
  /**
   * How long a handler may keep the event loop busy before its worker counts as dead. Until then a
   * thread beside it keeps the lease, where tasks are in a file or on a server; 0: without one.
   * @default '10m'
   */
  maxBlocked?: Duration;
  /**
   * Leave the event loop to the application: claim fewer tasks, at longer intervals, while it is
   * busy. For a process that answers requests beside its tasks; costs throughput. @default false
   */
  yieldToApp?: boolean;
  /** Where handlers with `isolate: true` run. @default nowhere: such a handler is refused at boot */
  isolation?: IsolationOptions;
}
