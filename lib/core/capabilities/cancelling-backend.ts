import type { Backend } from '../backend.js';
import type { TaskStatus } from '../task.js';

/**
 * A store through which a task can be cancelled from any process.
 *
 * @publicApi
 */
export interface CancellingBackend {
  /**
   * Cancels a waiting task at once; marks a running one, whose worker then aborts its signal. A
   * marked task that would go back to its queue is cancelled instead.
   * Resolves to the state afterwards, or null when there is no such task.
   */
  cancelTask(taskId: string): Promise<TaskStatus | null>;

  /** Ids of the running tasks of this worker that somebody wants cancelled. */
  cancelRequests(workerId: string): Promise<string[]>;
}

/** Whether the store has this capability. */
export function isCancellingBackend(backend: Backend): backend is Backend & CancellingBackend {
  return 'cancelTask' in backend && 'cancelRequests' in backend;
}
