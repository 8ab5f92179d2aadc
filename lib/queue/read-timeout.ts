import { parseDuration, type Duration } from '../core/duration.js';
import { ValidationError } from '../errors/validation.error.js';

/** @throws ValidationError when the timeout is not a duration. */
export function readTimeout(timeout: Duration | undefined): number | undefined {
  if (timeout === undefined) return undefined;
  const parsed = parseDuration(timeout);
  if (parsed === undefined) {
    throw new ValidationError(
      `timeout is ${String(timeout)}. Give milliseconds or a string such as '10s'.`,
      'timeout',
      timeout,
    );
  }
  return parsed;
}
