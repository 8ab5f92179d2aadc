import { textOf } from '../core/text-of.js';
import { SerializationError } from '../errors/serialization.error.js';

/** Why a task has failed although its handler returned: another run would not change the value. */
export function unkeptResult(error: unknown): SerializationError {
  const isOurs = error instanceof SerializationError;
  return new SerializationError(
    `${isOurs ? error.message : textOf(error)} The handler has done its work, which is not done again.`,
    { cause: isOurs ? error.cause : error, path: isOurs ? error.path : 'result' },
  );
}
