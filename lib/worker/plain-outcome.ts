import { isDeepStrictEqual } from 'node:util';
import { inAscii } from '../core/in-ascii.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import { toStoredError } from '../core/stored-error.js';
import { SerializationError } from '../errors/serialization.error.js';
import { textOf } from '../core/text-of.js';
import type { StorableOutcome } from './settler.js';

const LONGEST_MESSAGE = 1000;

/** An error as plain as can be: short, in ASCII, without a stack. */
class PlainError extends Error {
  readonly code: string | undefined;

  constructor(error: unknown) {
    const { name, message, code } = toStoredError(error);
    super(inAscii(message).slice(0, LONGEST_MESSAGE));
    this.name = inAscii(name);
    this.code = code === undefined ? undefined : inAscii(code);
    this.stack = undefined!;
  }
}

/**
 * The same outcome in other words, for a store that cannot hold it as it is: a database that lacks
 * some characters, or takes no statement of that size. A task whose outcome can never be written
 * would run for ever. Undefined when there are no plainer words.
 *
 * @param refusal what the store said.
 */
export function plainOutcome(
  outcome: StorableOutcome,
  refusal: unknown,
  codec: PayloadCodec,
): StorableOutcome | undefined {
  if (outcome.kind === 'failed' || outcome.kind === 'retry') {
    const { error } = outcome;
    return error instanceof PlainError ? undefined : { ...outcome, error: new PlainError(error) };
  }
  if (outcome.kind !== 'completed') return undefined;
  const text = outcome.text === null ? null : inAscii(outcome.text);
  if (text !== outcome.text && means(outcome.text!, text!, codec)) return { ...outcome, text };
  const error = new SerializationError(
    `The handler has ended well, but its result cannot be stored: ${textOf(refusal)} ` +
      `Return less, or a reference to it.`,
    { path: 'result' },
  );
  return { kind: 'failed', error };
}

/** Whether the serializer of the application reads the same from both. */
function means(one: string, other: string, codec: PayloadCodec): boolean {
  try {
    return isDeepStrictEqual(codec.decode(one), codec.decode(other));
  } catch {
    return false;
  }
}
