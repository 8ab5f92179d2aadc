import { SitqError } from './sitq.error.js';

/**
 * The task was cancelled. It is the reason of the aborted signal inside the handler, and what a
 * caller who awaits the result receives.
 *
 * @publicApi
 */
export class TaskCancelledError extends SitqError {
  static readonly code = 'SITQ_TASK_CANCELLED';
  readonly code = TaskCancelledError.code;

  constructor(readonly taskId: string) {
    super(`Task ${taskId} was cancelled.`);
  }
}
