import { SitqError } from './sitq.error.js';

/**
 * A call was refused because of its input. Nothing was stored.
 *
 * @publicApi
 */
export class ValidationError extends SitqError {
  static readonly code = 'SITQ_VALIDATION';
  readonly code = ValidationError.code;
  /** The value that was refused. Not enumerable: it may be secret, and errors are logged whole. */
  declare readonly value: unknown;

  constructor(
    message: string,
    /** The option or argument concerned. */
    readonly option?: string,
    value?: unknown,
  ) {
    super(message);
    Object.defineProperty(this, 'value', { value });
  }
}
