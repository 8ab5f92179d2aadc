import type { Backend } from '../backend.js';
import type { NewTask } from '../task.js';

/**
 * A store that takes many tasks in one transaction: all of them or none.
 *
 * @publicApi
 */
export interface BulkBackend {
  enqueueTasks(tasks: readonly NewTask[]): Promise<void>;
}

/** Whether the store has this capability. */
export function isBulkBackend(backend: Backend): backend is Backend & BulkBackend {
  return 'enqueueTasks' in backend;
}
