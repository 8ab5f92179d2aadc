import { SitqError } from './sitq.error.js';

/**
 * The reason of a handler's aborted signal when the worker shuts down. The attempt is given back.
 *
 * @publicApi
 */
export class WorkerShutdownError extends SitqError {
  static readonly code = 'SITQ_WORKER_SHUTDOWN';
  readonly code = WorkerShutdownError.code;

  constructor() {
    super('The worker shuts down; the attempt is given back.');
  }
}
