import { SitqError } from './sitq.error.js';

/**
 * A value cannot be kept as text, is over the size limit, or stored text cannot be read back.
 *
 * @publicApi
 */
export class SerializationError extends SitqError {
  static readonly code = 'SITQ_SERIALIZATION';
  readonly code = SerializationError.code;
  /** Where the value stands, such as `args[0].user.socket`. */
  readonly path: string | undefined;

  constructor(message: string, options: ErrorOptions & { path?: string } = {}) {
    super(message, options);
    this.path = options.path;
  }
}
