import { ValidationError } from '../errors/validation.error.js';
import { parseDuration } from './duration.js';
import { showValue } from './show-value.js';

/** The delay that a handler asks for, in ms. @throws ValidationError for what is no duration. */
export function readDelay(who: string, delay: unknown): number {
  const parsed = parseDuration(delay);
  if (parsed !== undefined) return parsed;
  throw new ValidationError(
    `${who} got ${showValue(delay)} as its delay. Give milliseconds or a string like '30s'.`,
    'delay',
    delay,
  );
}
