import type { ThreadBeat } from '../../../core/capabilities/thread-beating-backend.js';
import { textOf } from '../../../core/text-of.js';
import { BackendError } from '../../../errors/backend.error.js';
import { findModule } from '../find-module.js';

/**
 * A driver by its path, and options for it without what cannot be sent to a thread.
 *
 * @throws BackendError where one of these matters: a password that is fetched, a socket or a
 * certificate check of one's own; or when the driver is nowhere to be found.
 */
export function threadConnection(
  driver: string,
  options: object,
): Pick<ThreadBeat, 'driver' | 'connection'> {
  const { password, stream } = options as { password?: unknown; stream?: unknown };
  if (typeof password === 'function') throw new BackendError('its password is a function');
  if (stream !== undefined) throw new BackendError('its stream is made by a function');
  const entries = Object.entries(options).filter(([, value]) => typeof value !== 'function');
  return { driver: findModule(driver), connection: copy(Object.fromEntries(entries)) };
}

function copy(options: object): object {
  try {
    return structuredClone(options);
  } catch (error) {
    throw new BackendError(`its options cannot be sent to a thread: ${textOf(error)}`);
  }
}
