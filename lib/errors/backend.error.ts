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

  constructor(message: string, options: ErrorOptions & { transient?: boolean } = {}) {
    super(message, options);
    this.transient = options.transient ?? false;
  }
}
