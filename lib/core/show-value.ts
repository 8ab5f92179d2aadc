import { hidePasswords } from './hide-passwords.js';

const LONGEST = 80;
/** Longer ones are not searched for passwords: of them nothing that far is shown either. */
const LONGEST_URL = 2000;
/** Names under which nobody keeps what may be shown, also where they are misspelt. */
const SECRET = /pass|pwd|secret|token|credential|key/i;

/** A short text of an option's value for a message, unless the name says that it is secret. */
export function showOption(name: string, value: unknown): string {
  return SECRET.test(name) ? '***' : showValue(value);
}

/** A short text of any value for a message. Never throws. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return `'${shorten(value)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return shorten(
      JSON.stringify(value, (key, inner: unknown) => (SECRET.test(key) ? '***' : inner)),
    );
  } catch {
    return 'an object';
  }
}

/** Without passwords, and on one line: who chooses a value must not write lines of a log. */
function shorten(text: string): string {
  return hidePasswords(text.slice(0, LONGEST_URL))
    .slice(0, LONGEST)
    .replaceAll(
      /[\p{Cc}\p{Cs}]/gu,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}
