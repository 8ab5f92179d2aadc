import { SitqError } from './sitq.error.js';

/**
 * A call was refused because of its input. Nothing was stored.
 *
 * @publicApi
 */
export class ValidationError extends SitqError {
  readonly code = 'SITQ_VALIDATION';

  constructor(
    message: string,
    /** The option or argument concerned. */
    readonly option?: string,
    /** The value that was refused. */
    readonly value?: unknown,
  ) {
    super(message);
  }
}
