import { SitqError } from './sitq.error.js';

/**
 * An option or a handler is wrong. Raised while the application boots, so that it never runs
 * half-configured.
 *
 * @publicApi
 */
export class ConfigurationError extends SitqError {
  readonly code = 'SITQ_CONFIGURATION';

  constructor(
    message: string,
    /** The option concerned, such as `worker.concurrency`. */
    readonly option?: string,
    /** The value that was refused. */
    readonly value?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
