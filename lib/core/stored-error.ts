import { messageOfReasons, stackWithReasons } from './error-text.js';
import { readField } from './read-field.js';
import type { StoredError } from './result.js';
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
  const name = readField(thrown, 'name');
  const stack = readField(thrown, 'stack');
  const code = readField(thrown, 'code');
  return {
    name: safeText(typeof name === 'string' && name !== '' ? name : 'Error', MAX_NAME),
    message: safeText(messageOf(thrown), MAX_BYTES),
    stack: typeof stack === 'string' ? stackWithReasons(thrown, stack, MAX_BYTES) : null,
    ...(typeof code === 'string' && { code: safeText(code, MAX_NAME) }),
  };
}

function messageOf(thrown: object): string {
  const message = readField(thrown, 'message');
  if (typeof message !== 'string') return textOf(thrown);
  return message === '' ? messageOfReasons(thrown) : message;
}
