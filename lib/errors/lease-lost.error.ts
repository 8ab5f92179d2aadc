import { SitqError } from './sitq.error.js';

/**
 * A worker tried to write about a task that is no longer its own: the lease ran out and the task
 * was handed on. Nothing was written. Inside a handler it is the reason of the aborted signal.
 *
 * @publicApi
 */
export class LeaseLostError extends SitqError {
  static readonly code = 'SITQ_LEASE_LOST';
  readonly code = LeaseLostError.code;

  constructor(
    /** The task, or the worker when its whole registration expired. */
    readonly subject: string,
    /** The lease that was refused. */
    readonly lease?: number,
  ) {
    super(
      lease === undefined
        ? `Worker ${subject} is no longer registered: its lease ran out.`
        : `Lease ${lease} of task ${subject} is no longer valid; the write was refused.`,
    );
  }
}
