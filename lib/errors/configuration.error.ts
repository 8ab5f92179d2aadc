import { SitqError } from './sitq.error.js';

/**
 * An option or a handler is wrong. Raised while the application boots, so that it never runs
 * half-configured.
 *
 * @publicApi
 */
export class ConfigurationError extends SitqError {
  static readonly code = 'SITQ_CONFIGURATION';
  readonly code = ConfigurationError.code;
  /** The value that was refused. Not enumerable: it may be secret, and errors are logged whole. */
  declare readonly value: unknown;

  constructor(
    message: string,
    /** The option concerned, such as `worker.concurrency`. */
    readonly option?: string,
    value?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
    Object.defineProperty(this, 'value', { value });
  }
}
