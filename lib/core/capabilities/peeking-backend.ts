import type { Backend, ReserveRequest } from '../backend.js';

/**
 * A store that can tell what a claim would bring without making it.
 *
 * @publicApi
 */
export interface PeekingBackend {
  /**
   * The ids of the tasks that `reserveTask` would hand out for this request at this moment, in
   * that order. Changes nothing, and takes no lock that would hold up a claim.
   */
  peekTasks(request: ReserveRequest): Promise<string[]>;
}

/** Whether the store has this capability. */
export function isPeekingBackend(backend: Backend): backend is Backend & PeekingBackend {
  return 'peekTasks' in backend;
}
