import { ValidationError } from '../../errors/validation.error.js';

/** An id that is given to a second task. */
export function takenId(id: string): ValidationError {
  return new ValidationError(
    `The id '${id}' belongs to another task already. Use an id once, or leave it out.`,
    'id',
    id,
  );
}
