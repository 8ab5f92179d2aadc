import type { EntityManager } from 'typeorm';
import type { Duration } from '../core/duration.js';
import type { Backoff } from '../core/retry-policy.js';

/**
 * Options of one enqueue.
 *
 * @publicApi
 */
export interface EnqueueOptions {
  /** Do not start before this instant. Not together with `delay`. @default now */
  eta?: Date;
  /** Do not start before this time has passed. @default 0 */
  delay?: Duration;
  /** @default the handler's, else 'default' */
  queue?: string;
  /** -32768..32767, higher first. @default the handler's, else 0 */
  priority?: number;
  /** Runs before the task fails, 1..1000. @default the handler's */
  attempts?: number;
  /** Delay between attempts. A function belongs on `@Task`, where every process finds it. @default the handler's */
  backoff?: Backoff;
  /** Longest run. @default the handler's */
  timeout?: Duration;
  /** Your own id, 1..200 characters: enqueueing it again changes nothing. @default a new UUIDv7 */
  id?: string;
  /** Up to 32 strings to recognise the task by; not passed to the handler's arguments. */
  meta?: Record<string, string>;
  /**
   * Write the task in the transaction of this EntityManager of TypeORM, such as the one that
   * `queue.transaction()` passes: it exists if and when that commits. Its DataSource leads to the
   * database of the tasks. `null`: in none, even where
   * `forRoot({ transactions })` finds one. @default that of `transactions`, else none
   */
  manager?: EntityManager | null;
}
