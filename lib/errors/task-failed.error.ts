import { SitqError } from './sitq.error.js';

/**
 * The awaited task ended as `failed`. Carries what the handler threw in its last attempt.
 *
 * @publicApi
 */
export class TaskFailedError extends SitqError {
  static readonly code = 'SITQ_TASK_FAILED';
  readonly code = TaskFailedError.code;

  constructor(
    readonly taskId: string,
    /** `name` of the handler's error. */
    readonly errorName: string,
    /** `message` of the handler's error. */
    readonly errorMessage: string,
    /** `stack` of the handler's error, where one was recorded. */
    readonly errorStack: string | null,
  ) {
    super(`Task ${taskId} failed with ${errorName}: ${errorMessage}`);
  }
}
