import type { Backend } from '../backend.js';

/**
 * How another thread of this process extends a worker's registration, by a connection of its own.
 *
 * @publicApi
 */
export interface ThreadBeat {
  /** The path of the driver's module, or of its entry. */
  readonly driver: string;
  readonly kind: 'better-sqlite3' | 'pg' | 'mysql2';
  /** What the driver connects with: data that can be sent to a thread. */
  readonly connection: unknown;
  /** Its parameters: the time in ms where the store has no clock, then the id of the worker. */
  readonly statement: string;
  readonly takesTime: boolean;
}

/**
 * A store that another thread can tell that a worker lives, while the event loop stands still.
 *
 * @publicApi
 */
export interface ThreadBeatingBackend {
  /**
   * Null where it is not needed, as nobody else can take this process's tasks.
   *
   * @throws Error that says why a thread cannot reach the store.
   */
  threadBeat(): ThreadBeat | null;
}

/** Whether the store has this capability. */
export function isThreadBeatingBackend(
  backend: Backend,
): backend is Backend & ThreadBeatingBackend {
  return 'threadBeat' in backend;
}
