import { SitqError } from './sitq.error.js';

/**
 * A handler returned although the transaction in which it had completed its task did not commit.
 * The attempt counts as failed.
 *
 * @publicApi
 */
export class TransactionRolledBackError extends SitqError {
  static readonly code = 'SITQ_TRANSACTION_ROLLED_BACK';
  readonly code = TransactionRolledBackError.code;

  constructor(readonly taskId: string) {
    super(
      `The handler of task ${taskId} returned, but the transaction in which it completed the task ` +
        `did not commit. Let the error of the transaction through, or complete the task again.`,
    );
  }
}
