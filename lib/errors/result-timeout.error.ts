import { SitqError } from './sitq.error.js';

/**
 * The caller's patience ended before the task did. The task itself goes on.
 *
 * @publicApi
 */
export class ResultTimeoutError extends SitqError {
  static readonly code = 'SITQ_RESULT_TIMEOUT';
  readonly code = ResultTimeoutError.code;

  constructor(
    readonly taskId: string,
    /** How long the caller waited, in ms. */
    readonly timeout: number,
  ) {
    super(`Task ${taskId} had no result after ${timeout} ms. It goes on; ask again later.`);
  }
}
