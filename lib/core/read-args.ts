import { SerializationError } from '../errors/serialization.error.js';
import type { PayloadCodec } from './payload-codec.js';
import { textOf } from './text-of.js';

/**
 * Reads the arguments of a task.
 *
 * @throws SerializationError for what is no list of arguments. It has nothing of what is stored.
 */
export function readArgs(payload: string, codec: PayloadCodec): unknown[] {
  let args: unknown;
  try {
    args = codec.decode(payload);
  } catch (error) {
    throw unreadable(payload, reasonOf(error));
  }
  if (!Array.isArray(args)) throw unreadable(payload, `It is ${kindOf(args)}, not a list.`);
  return args;
}

function unreadable(payload: string, why: string): SerializationError {
  return new SerializationError(
    `The column payload of the task, ${payload.length} characters, cannot be read as a list of ` +
      `arguments. ${why} Write there what the serializer of this application makes of one, such ` +
      `as '["Ann"]', or enqueue the task again.`,
    { path: 'payload' },
  );
}

/** `JSON.parse` quotes what it cannot read, also what a serializer has decrypted. */
function reasonOf(error: unknown): string {
  if (error instanceof SerializationError) return error.message;
  return error instanceof Error && error.name === 'SyntaxError' ? 'It is no JSON.' : textOf(error);
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
