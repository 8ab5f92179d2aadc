import { readField } from './read-field.js';
import { safeText } from './safe-text.js';
import { textOf } from './text-of.js';

/** So many errors behind an error are told. */
const MOST_BEHIND = 31;

/**
 * The stack of an error with those of what is behind it: its causes and the reasons of an
 * `AggregateError`, and theirs. Each has its share of the bytes, so that none crowds the others out.
 */
export function stackWithReasons(error: object, stack: string, maxBytes: number): string {
  const texts = [stack, ...behind(error)];
  const share = Math.floor((maxBytes + 1) / texts.length) - 1; // a line feed each, but the last
  return texts.map((text) => safeText(text, share)).join('\n');
}

/** What the reasons of an `AggregateError` say, which often has no message of its own. */
export function messageOfReasons(error: object): string {
  return reasonsOf(error)
    .slice(0, MOST_BEHIND)
    .map((reason) => textIn(reason, 'message'))
    .join('; ');
}

function behind(error: object): string[] {
  const seen = new Set<unknown>([error]); // a chain may be a circle
  const texts: string[] = [];
  const add = (label: string, value: unknown): void => {
    if (texts.length === MOST_BEHIND || seen.has(value)) return;
    texts.push(`${label}: ${textIn(value, 'stack', 'message')}`);
    if (typeof value !== 'object' || value === null) return;
    seen.add(value);
    visit(value);
  };
  const visit = (parent: object): void => {
    const reasons = reasonsOf(parent);
    for (const [index, reason] of reasons.slice(0, MOST_BEHIND).entries()) {
      add(`Reason ${index + 1} of ${reasons.length}`, reason);
    }
    const cause = readField(parent, 'cause');
    if (cause !== undefined && cause !== null) add('Caused by', cause);
  };
  visit(error);
  return texts;
}

function reasonsOf(error: object): unknown[] {
  const reasons = readField(error, 'errors');
  try {
    return Array.isArray(reasons) ? [...(reasons as unknown[])] : [];
  } catch {
    return []; // a proxy that does not tell
  }
}

/** The first of these fields that is text, or the text of the value itself. */
function textIn(value: unknown, ...fields: string[]): string {
  if (typeof value !== 'object' || value === null) return textOf(value);
  const texts = fields.map((field) => readField(value, field));
  return texts.find((text) => typeof text === 'string') ?? textOf(value);
}
