import { readStoredError } from '../../../core/read-stored-error.js';
import type { ResultStatus, StoredResult } from '../../../core/result.js';
import type { TaskStatus } from '../../../core/task.js';

/** What the row of a task says of its result. */
export interface ResultRow {
  readonly status: TaskStatus;
  readonly result: string | null;
  readonly error: string | null;
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

const STATUS: Readonly<Record<TaskStatus, ResultStatus>> = {
  blocked: 'pending',
  queued: 'pending',
  running: 'pending',
  completed: 'success',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** Reads the result from the row of a task. */
export function storedResult(
  taskId: string,
  { status, result, error, createdAt, finishedAt }: ResultRow,
): StoredResult {
  return {
    taskId,
    // One that this version does not know has not ended, as far as it can tell.
    status: STATUS[status] ?? 'pending',
    value: result,
    error: readStoredError(error),
    createdAt,
    completedAt: finishedAt,
  };
}
