import { SitqError } from './sitq.error.js';

/**
 * An attempt ran longer than its `timeout`. It is the reason of the aborted signal inside the
 * handler, and what a caller who awaits the result receives when the last attempt timed out.
 *
 * @publicApi
 */
export class TaskTimeoutError extends SitqError {
  static readonly code = 'SITQ_TASK_TIMEOUT';
  readonly code = TaskTimeoutError.code;

  constructor(
    readonly taskId: string,
    /** The limit in ms, where it is known. */
    readonly timeout: number | null,
    options?: ErrorOptions,
  ) {
    super(
      `Task ${taskId} ran longer than its timeout${timeout === null ? '' : ` of ${timeout} ms`}.`,
      options,
    );
  }
}
