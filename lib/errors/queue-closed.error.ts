import { SitqError } from './sitq.error.js';

/**
 * The queue was used after the application closed it, or before it was opened.
 *
 * @publicApi
 */
export class QueueClosedError extends SitqError {
  static readonly code = 'SITQ_QUEUE_CLOSED';
  readonly code = QueueClosedError.code;

  constructor(operation: string) {
    super(
      `Cannot ${operation}: the queue is closed. It opens while the application initialises and ` +
        `closes in its last shutdown phase; call it between the two.`,
    );
  }
}
