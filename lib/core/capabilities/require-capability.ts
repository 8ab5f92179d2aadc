import { BackendError } from '../../errors/backend.error.js';
import type { Backend } from '../backend.js';

/**
 * The backend as one that has a capability.
 *
 * @throws BackendError that names what is missing.
 */
export function requireCapability<C>(
  backend: Backend,
  has: (backend: Backend) => backend is Backend & C,
  capability: string,
  operation: string,
): Backend & C {
  if (has(backend)) return backend;
  throw new BackendError(
    `${backend.constructor.name} cannot ${operation}: it does not implement ${capability}.`,
  );
}
