import { parseDuration, type Duration } from './duration.js';
import { showValue } from './show-value.js';
import { SitqError } from '../errors/sitq.error.js';
import { ValidationError } from '../errors/validation.error.js';

/**
 * Thrown by a handler to choose itself when the next attempt comes, for instance from a
 * `Retry-After` header. The attempt is spent as usual.
 *
 * @publicApi
 */
export class RetryAfterError extends SitqError {
  readonly code = 'SITQ_RETRY_AFTER';
  /** Time until the next attempt in ms. */
  readonly delay: number;

  constructor(
    delay: Duration,
    message = 'The handler asked for a later attempt.',
    options?: ErrorOptions,
  ) {
    super(message, options);
    const parsed = parseDuration(delay);
    if (parsed === undefined) {
      throw new ValidationError(
        `RetryAfterError got ${showValue(delay)} as its delay. Give milliseconds or a string like '30s'.`,
        'delay',
        delay,
      );
    }
    this.delay = parsed;
  }
}
