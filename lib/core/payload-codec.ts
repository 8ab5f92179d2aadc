import { SerializationError } from '../errors/serialization.error.js';
import { readField } from './read-field.js';
import type { Serializer } from './serializer.js';
import { toStoredError } from './stored-error.js';

/** Most bytes of a payload or a result. */
const MAX_BYTES = 1024 * 1024;

/**
 * A serializer with the size limit and with errors that say which value of which task.
 */
export class PayloadCodec {
  constructor(private readonly serializer: Serializer) {}

  /** @param what names the value in errors and begins its path, such as `args` or `result`. */
  encode(what: string, value: unknown): string {
    let text: unknown;
    try {
      text = this.serializer.serialize(value);
    } catch (error) {
      throw describe(what, error);
    }
    if (typeof text !== 'string') {
      throw new SerializationError(`The serializer returned ${typeof text} for ${what}, not text.`);
    }
    // A UTF-16 unit takes at most three bytes: short text needs no count.
    if (text.length > MAX_BYTES / 3) {
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_BYTES) {
        throw new SerializationError(
          `${what} takes ${bytes} bytes; the limit is ${MAX_BYTES}. Store the data elsewhere and ` +
            `pass a reference to it.`,
          { path: what },
        );
      }
    }
    return text;
  }

  decode(text: string): unknown {
    return this.serializer.deserialize(String(text)); // a column of SQLite may hold bytes
  }
}

/** Whatever it is: values have accessors of their own, and serializers may be anybody's. */
function describe(what: string, error: unknown): SerializationError {
  const inner = typeof error === 'object' && error !== null ? readField(error, 'path') : undefined;
  const path = what + (typeof inner === 'string' ? inner : '');
  const why = toStoredError(error).message.replace(/\.$/, '');
  return new SerializationError(
    `${path} cannot be kept: ${why}. Pass plain data, or an id to look the object up by.`,
    { path, cause: error },
  );
}
