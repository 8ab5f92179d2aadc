import { createRequire } from 'node:module';
import type { ThreadBeat } from '../../../core/capabilities/thread-beating-backend.js';

const { resolve } = createRequire(import.meta.url);

/**
 * A driver by its path, and options for it without what cannot be sent to a thread. Null where one
 * of these matters: a password that is fetched, a socket or a certificate check of one's own.
 */
export function threadConnection(
  driver: string,
  options: object,
): Pick<ThreadBeat, 'driver' | 'connection'> | null {
  const { password, stream } = options as { password?: unknown; stream?: unknown };
  if (typeof password === 'function' || stream !== undefined) return null;
  const entries = Object.entries(options).filter(([, value]) => typeof value !== 'function');
  try {
    return { driver: resolve(driver), connection: structuredClone(Object.fromEntries(entries)) };
  } catch {
    return null;
  }
}
