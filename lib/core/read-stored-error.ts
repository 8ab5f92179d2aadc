import { readField } from './read-field.js';
import { readJson } from './read-json.js';
import type { StoredError } from './result.js';
import { textOf } from './text-of.js';

/** Reads an error as it is stored. Of what is no such thing the text becomes the message. */
export function readStoredError(text: unknown): StoredError | null {
  if (text === null || text === undefined) return null;
  const stored = readJson(text);
  const field = (key: string) =>
    typeof stored === 'object' && stored !== null ? readField(stored, key) : undefined;
  const message = field('message');
  if (typeof message !== 'string') {
    return {
      name: 'Error',
      message: typeof stored === 'string' ? stored : textOf(text),
      stack: null,
    };
  }
  const [name, stack, code] = [field('name'), field('stack'), field('code')];
  return {
    name: typeof name === 'string' ? name : 'Error',
    message,
    stack: typeof stack === 'string' ? stack : null,
    ...(typeof code === 'string' && { code }),
  };
}
