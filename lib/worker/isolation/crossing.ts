import type { MessagePort } from 'node:worker_threads';
import type { Report } from '../../core/capabilities/journaling-backend.js';
import type { ReservedTask } from '../../core/task.js';
import type { CrossingError } from './crossing-error.js';

/** Environment variable by which a thread knows what it is; JSON of {@link ThreadModule}. */
export const THREAD_MODULE = 'SITQ_ISOLATED_MODULE';
/** Name of the channel on which threads are told to close; they answer with a number each. */
export const CLOSE_CHANNEL = 'sitq:isolated-threads';

/** Of which module a thread makes its application. */
export interface ThreadModule {
  /** `file:` URL. */
  readonly module: string;
  readonly export: string | undefined;
  /** Unique to the worker whose threads these are. */
  readonly pool: string;
}

/** What a thread is asked for. */
export type ThreadOrder = { readonly list: true } | RunOrder;

/** One run. */
export interface RunOrder {
  readonly list?: undefined;
  readonly reserved: ReservedTask;
  readonly workerId: string;
  readonly startedAt: number;
  /** What is told during the run comes and goes here, the end last. */
  readonly port: MessagePort;
}

/** What a thread tells during a run. */
export type RunNews =
  | { readonly kind: 'began' }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'end'; readonly end: ThreadEnd };

/** How a run in a thread ended. */
export interface ThreadEnd {
  /** The encoded value, null for undefined; unless it threw. */
  readonly text: string | null;
  readonly error: CrossingError | undefined;
  /** Asked for by `snooze`, in ms. */
  readonly snooze: number | undefined;
  /** What the handler stored in a transaction of its own; undefined when it did not. */
  readonly completion: { readonly text: string | null } | undefined;
}

/** The signal of the run has aborted for this reason. */
export interface AbortOrder {
  readonly abort: CrossingError;
}

/** What is told on the channel of all threads. */
export interface CloseMessage {
  readonly pool: string;
  readonly kind: 'close' | 'closed';
}
