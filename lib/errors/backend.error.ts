import { SitqError } from './sitq.error.js';

/**
 * The store could not do what was asked. `transient` tells whether the same call may succeed
 * later (a locked file, a full disk) or is wrong for good.
 *
 * @publicApi
 */
export class BackendError extends SitqError {
  static readonly code = 'SITQ_BACKEND';
  readonly code = BackendError.code;
  readonly transient: boolean;
  /** What was to be written is at fault: too much for the store, or text that it cannot hold. */
  readonly unstorable: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { transient?: boolean; unstorable?: boolean } = {},
  ) {
    super(message, options);
    this.transient = options.transient ?? false;
    this.unstorable = options.unstorable ?? false;
  }
}
