import { RetryAfterError } from '../../core/retry-after.error.js';
import { readField } from '../../core/read-field.js';
import { Snooze } from '../../core/snooze.js';
import { toStoredError } from '../../core/stored-error.js';
import type { StoredError } from '../../core/result.js';
import { DoNotRetryError } from '../../errors/do-not-retry.error.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { TaskCancelledError } from '../../errors/task-cancelled.error.js';
import { TaskTimeoutError } from '../../errors/task-timeout.error.js';
import { WorkerShutdownError } from '../../errors/worker-shutdown.error.js';

/** Those that mean something to the worker or to handlers by what they are. */
const KINDS = {
  DoNotRetryError,
  RetryAfterError,
  Snooze,
  LeaseLostError,
  TaskCancelledError,
  TaskTimeoutError,
  WorkerShutdownError,
} as const;
type Kind = keyof typeof KINDS;

/** Longest text that crosses as a field of an error. */
const MAX_TEXT = 64 * 1024;

/** An error on its way between threads: cloning would make any error a plain one. */
export interface CrossingError {
  readonly kind: Kind | undefined;
  readonly stored: StoredError;
  /** Its own fields, as far as they are plain values. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** @param kind as what it arrives. @default what it is */
export function packError(thrown: unknown, kind = kindOf(thrown)): CrossingError {
  return { kind, stored: toStoredError(thrown), fields: fieldsOf(thrown) };
}

export function unpackError({ kind, stored, fields }: CrossingError): Error {
  const error = new Error(stored.message);
  if (kind) Object.setPrototypeOf(error, KINDS[kind].prototype as object);
  const { name, stack, code } = stored;
  const own = {
    ...fields,
    name,
    stack: stack ?? `${name}: ${stored.message}`,
    ...(code && { code }),
  };
  for (const [key, value] of Object.entries(own)) {
    const enumerable = key in fields;
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  }
  return error;
}

function kindOf(thrown: unknown): Kind | undefined {
  return (Object.keys(KINDS) as Kind[]).find((kind) => thrown instanceof KINDS[kind]);
}

/** One that cannot be read, or is no plain value, stays behind. */
function fieldsOf(thrown: unknown): Record<string, unknown> {
  if (typeof thrown !== 'object' || thrown === null) return {};
  const fields = keysOf(thrown).map((key) => [key, readField(thrown, key)] as const);
  return Object.fromEntries(fields.filter(([, value]) => isPlain(value)));
}

function keysOf(source: object): string[] {
  try {
    return Object.keys(source);
  } catch {
    return []; // a proxy that does not tell
  }
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_TEXT;
  return value === null || ['number', 'boolean', 'bigint'].includes(typeof value);
}
