import type { Backend } from '../backend.js';
import type { StoredResult } from '../result.js';

/**
 * A store that reads many results at once, for those who wait for many tasks.
 *
 * @publicApi
 */
export interface ResultListingBackend {
  /** The results of these tasks, pending ones too, in any order; none of a task that is not there. */
  getResults(taskIds: readonly string[]): Promise<StoredResult[]>;
}

/** Whether the store has this capability. */
export function isResultListingBackend(
  backend: Backend,
): backend is Backend & ResultListingBackend {
  return 'getResults' in backend;
}
