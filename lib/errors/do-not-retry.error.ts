import { SitqError } from './sitq.error.js';

/**
 * Thrown by a handler to fail its task at once, whatever attempts are left.
 *
 * @publicApi
 */
export class DoNotRetryError extends SitqError {
  static readonly code = 'SITQ_DO_NOT_RETRY';
  readonly code = DoNotRetryError.code;
}
