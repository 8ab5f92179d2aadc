import type { ResultStatus } from '../../../core/result.js';
import type { TaskStatus } from '../../../core/task.js';

/** What the state of a task says of its result. */
export const RESULT_STATUS: Readonly<Record<TaskStatus, ResultStatus>> = {
  queued: 'pending',
  running: 'pending',
  blocked: 'pending',
  completed: 'success',
  failed: 'failed',
  cancelled: 'cancelled',
};
