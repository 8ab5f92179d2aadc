import { LeaseLostError } from '../../errors/lease-lost.error.js';
import type { SitqError } from '../../errors/sitq.error.js';
import { TaskNotFoundError } from '../../errors/task-not-found.error.js';
import { ValidationError } from '../../errors/validation.error.js';

/** Why a write about a task changed no row. */
export function refusedWrite(
  taskId: string,
  exists: boolean,
  lease: number | undefined,
  status?: string,
): SitqError {
  if (!exists) return new TaskNotFoundError(taskId);
  if (lease !== undefined) return new LeaseLostError(taskId, lease);
  return new ValidationError(
    `Task ${taskId} cannot become ${status}: it is running or has ended. Give the lease of its ` +
      `run, or cancel it through TaskQueue.cancel.`,
    'status',
    status,
  );
}
