import type { StoredError } from './result.js';
import { safeRead } from './safe-read.js';
import { safeText } from './safe-text.js';
import { textOf } from './text-of.js';

/** Most bytes of an error's message, and of its stack. */
const MAX_BYTES = 64 * 1024;
const MAX_NAME = 200;

/**
 * The text of whatever a handler threw. Storing a failure must never fail, so this cannot throw
 * and its text holds no NUL and no lone surrogates, which some databases refuse.
 */
export function toStoredError(thrown: unknown): StoredError {
  if (typeof thrown !== 'object' || thrown === null) {
    return { name: 'Error', message: safeText(textOf(thrown), MAX_BYTES), stack: null };
  }
  const name = safeRead(thrown, 'name');
  const message = safeRead(thrown, 'message');
  const stack = safeRead(thrown, 'stack');
  const code = safeRead(thrown, 'code');
  return {
    name: safeText(typeof name === 'string' && name !== '' ? name : 'Error', MAX_NAME),
    message: safeText(typeof message === 'string' ? message : textOf(thrown), MAX_BYTES),
    stack: typeof stack === 'string' ? safeText(withCause(thrown, stack), MAX_BYTES) : null,
    ...(typeof code === 'string' && { code: safeText(code, MAX_NAME) }),
  };
}

function withCause(error: object, stack: string): string {
  const cause = safeRead(error, 'cause');
  if (cause === undefined || cause === null) return stack;
  const text =
    typeof cause === 'object' ? (safeRead(cause, 'stack') ?? textOf(cause)) : textOf(cause);
  return `${stack}\nCaused by: ${textOf(text)}`;
}
