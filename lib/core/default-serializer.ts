import { DevalueError, parse, stringify } from 'devalue';
import { SerializationError } from '../errors/serialization.error.js';
import { isPlainJson } from './plain-json.js';
import type { Serializer } from './serializer.js';

/** Marks text that is not plain JSON; `~` cannot begin a JSON document. */
const RICH = '~1';

/**
 * Plain data becomes plain JSON, readable in the database and fast. Anything richer (Date,
 * BigInt, Map, Set, URL, RegExp, Buffer and typed arrays, undefined, NaN, -0, sparse arrays,
 * repeated and circular references) goes through devalue behind a marker with a version, so that
 * a later format can be told apart. Functions, symbols, promises, instances of classes and objects
 * with a key `__proto__` are refused.
 *
 * @publicApi
 */
export class DefaultSerializer implements Serializer {
  serialize(value: unknown): string {
    if (isPlainJson(value)) return JSON.stringify(value);
    try {
      return RICH + stringify(value, reducers);
    } catch (error) {
      throw refusal(error);
    }
  }

  deserialize(text: string): unknown {
    try {
      return text.startsWith(RICH) ? parse(text.slice(RICH.length), revivers) : JSON.parse(text);
    } catch (error) {
      throw new SerializationError(
        'The stored text cannot be read back. Was it written with another serializer?',
        { cause: error },
      );
    }
  }
}

// A view is stored as the bytes it shows: devalue would keep its whole backing buffer, which for
// a small Buffer is a pool shared with unrelated data.
const reducers = {
  Buffer: (value: unknown) => Buffer.isBuffer(value) && [value.toString('base64')],
  Bytes: (value: unknown) =>
    value instanceof Uint8Array &&
    value.constructor === Uint8Array && [
      Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
    ],
};

const revivers = {
  Buffer: ([text]: [string]) => Buffer.from(text, 'base64'),
  Bytes: ([text]: [string]) => new Uint8Array(Buffer.from(text, 'base64')),
};

function refusal(error: unknown): SerializationError {
  if (error instanceof DevalueError) {
    return new SerializationError(error.message, { path: error.path, cause: error });
  }
  const tooDeep = error instanceof RangeError;
  return new SerializationError(
    tooDeep ? 'The value is nested too deeply' : `The value cannot be read: ${String(error)}`,
    { cause: error },
  );
}
