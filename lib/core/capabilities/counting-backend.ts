import type { Backend } from '../backend.js';
import type { TaskStatus } from '../task.js';

/**
 * Tasks per state. `scheduled` is the part of `queued` whose eta is ahead; `stuck` the part of
 * `running` whose handler ignores its timeout.
 *
 * @publicApi
 */
export type TaskCounts = Readonly<Record<TaskStatus | 'scheduled' | 'stuck', number>>;

/**
 * A store that can tell how many tasks are in which state.
 *
 * @publicApi
 */
export interface CountingBackend {
  counts(): Promise<TaskCounts>;
}

/** Whether the store has this capability. */
export function isCountingBackend(backend: Backend): backend is Backend & CountingBackend {
  return 'counts' in backend;
}
