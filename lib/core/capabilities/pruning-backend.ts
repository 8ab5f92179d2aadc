import type { Backend } from '../backend.js';

/**
 * Final states, each with the instant before which its tasks may go.
 *
 * @publicApi
 */
export type PruneLimits = Readonly<Partial<Record<'completed' | 'failed' | 'cancelled', number>>>;

/**
 * A store that can forget tasks that ended long ago, with their results and logs.
 *
 * @publicApi
 */
export interface PruningBackend {
  /** Removes at most `most` tasks that ended before the limits. Resolves to how many it removed. */
  pruneTasks(endedBefore: PruneLimits, most: number): Promise<number>;
}

/** Whether the store has this capability. */
export function isPruningBackend(backend: Backend): backend is Backend & PruningBackend {
  return 'pruneTasks' in backend;
}
