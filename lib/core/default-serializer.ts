import { DevalueError, parse, stringify } from 'devalue';
import { SerializationError } from '../errors/serialization.error.js';
import { isDeeperThan } from './nesting.js';
import { isPlainJson } from './plain-json.js';
import { readField } from './read-field.js';
import type { Serializer } from './serializer.js';
import { textOf } from './text-of.js';

/** Marks text that is not plain JSON; `~` cannot begin a JSON document. */
const RICH = '~1';
/**
 * How deep containers may stand in each other. Each level takes room on the stack, of which
 * another thread, or the same one further down, has less: what one has written all must read.
 */
const MAX_DEPTH = 500;
/** Fewest characters that a level takes. */
const LEVEL = '[1],'.length;

/**
 * Plain data becomes plain JSON, readable in the database and fast. Anything richer (Date,
 * BigInt, Map, Set, URL, RegExp, Buffer and typed arrays, undefined, NaN, -0, sparse arrays,
 * repeated and circular references) goes through devalue behind a marker with a version, so that
 * a later format can be told apart. Functions, symbols, promises, instances of classes and objects
 * with a key `__proto__` are refused, and what is nested more than 500 deep.
 *
 * @publicApi
 */
export class DefaultSerializer implements Serializer {
  serialize(value: unknown): string {
    if (isPlainJson(value)) return JSON.stringify(value);
    try {
      const text = RICH + stringify(value, reducers);
      if (text.length > MAX_DEPTH * LEVEL && isDeeperThan(MAX_DEPTH, value)) throw tooDeep();
      return text;
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
  View: (value: unknown) => {
    if (!ArrayBuffer.isView(value)) return false;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return [Buffer.isBuffer(value) ? 'Buffer' : nameOf(value), bytes.toString('base64')];
  },
};

const revivers = {
  View: ([name, text]: [string, string]) => {
    const bytes = Buffer.from(text, 'base64');
    if (name === 'Buffer') return bytes;
    const View = VIEWS.get(name);
    if (!View) throw new TypeError(`There is no view '${name}'`);
    // Copied to a buffer of its own, as a view of several bytes an element needs it.
    return new View(Uint8Array.from(bytes).buffer);
  },
};

const VIEWS = new Map<string, new (buffer: ArrayBuffer) => ArrayBufferView>(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map((View) => [View.name, View]),
);

/** By its tag, which does not depend on the realm that made it. */
function nameOf(view: ArrayBufferView): string {
  return Object.prototype.toString.call(view).slice('[object '.length, -1);
}

function refusal(error: unknown): SerializationError {
  if (error instanceof DevalueError) {
    // Not as the cause: it has all of the value in it, and errors are logged whole.
    return new SerializationError(whyRefused(error), { path: error.path });
  }
  if (error instanceof SerializationError) return error;
  if (error instanceof RangeError && /call stack/.test(error.message)) return tooDeep();
  return new SerializationError(`The value cannot be read: ${textOf(error)}`, { cause: error });
}

function whyRefused({ message, value }: DevalueError): string {
  const name = classNameOf(value);
  if (name === undefined) return message;
  return (
    `it is an instance of ${name}, of which only the data could be kept, not the class. Give plain ` +
    `data ({ ...value }, or what its toJSON() returns)`
  );
}

/** Of an instance of somebody's class. */
function classNameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const constructor: unknown = readField(Object.getPrototypeOf(value) ?? {}, 'constructor');
  if (typeof constructor !== 'function' || constructor === Object) return undefined;
  return constructor.name === '' ? 'a class without a name' : constructor.name;
}

function tooDeep(): SerializationError {
  return new SerializationError(`The value is nested more than ${MAX_DEPTH} deep`);
}
