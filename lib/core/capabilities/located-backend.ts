import type { Backend } from '../backend.js';

/**
 * A store that can tell where it is.
 *
 * @publicApi
 */
export interface LocatedBackend {
  /** The same for all who share the store, for people: such as an absolute path. No password. */
  readonly database: string;
}

/** Whether the store has this capability. */
export function isLocatedBackend(backend: Backend): backend is Backend & LocatedBackend {
  return 'database' in backend && typeof backend.database === 'string';
}
