import { SitqError } from './sitq.error.js';

/**
 * The reason of a handler's aborted signal when the worker shuts down. The attempt is given back.
 *
 * @publicApi
 */
export class WorkerShutdownError extends SitqError {
  readonly code = 'SITQ_WORKER_SHUTDOWN';

  constructor() {
    super('The worker shuts down; the attempt is given back.');
  }
}
