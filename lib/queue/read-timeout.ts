import type { Duration } from '../core/duration.js';
import { check } from '../core/option-checks.js';
import { showValue } from '../core/show-value.js';
import { ValidationError } from '../errors/validation.error.js';

const duration = check.duration(0);

/** @throws ValidationError when the timeout is not a duration. */
export function readTimeout(timeout: Duration | undefined): number | undefined {
  if (timeout === undefined) return undefined;
  const parsed = duration.parse(timeout);
  if (parsed === undefined) {
    throw new ValidationError(
      `timeout is ${showValue(timeout)}. Give ${duration.remedy}.`,
      'timeout',
      timeout,
    );
  }
  return parsed;
}
