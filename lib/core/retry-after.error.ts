import type { Duration } from './duration.js';
import { readDelay } from './read-delay.js';
import { SitqError } from '../errors/sitq.error.js';

/**
 * Thrown by a handler to choose itself when the next attempt comes, for instance from a
 * `Retry-After` header. The attempt is spent as usual.
 *
 * @publicApi
 */
export class RetryAfterError extends SitqError {
  static readonly code = 'SITQ_RETRY_AFTER';
  readonly code = RetryAfterError.code;
  /** Time until the next attempt in ms. */
  readonly delay: number;

  /** @throws ValidationError for what is no duration. */
  constructor(
    delay: Duration,
    message = 'The handler asked for a later attempt.',
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.delay = readDelay('RetryAfterError', delay);
  }
}
