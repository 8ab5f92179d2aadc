import { SitqError } from './sitq.error.js';

/**
 * No task has this id.
 *
 * @publicApi
 */
export class TaskNotFoundError extends SitqError {
  static readonly code = 'SITQ_TASK_NOT_FOUND';
  readonly code = TaskNotFoundError.code;

  constructor(readonly taskId: string) {
    super(
      `There is no task ${taskId}. Check the id, and that both processes use the same database.`,
    );
  }
}
