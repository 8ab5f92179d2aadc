import { SitqError } from '../errors/sitq.error.js';

/**
 * Thrown by `TaskContext.snooze` to leave the handler. Not a failure: the task goes back to its
 * queue and the attempt does not count.
 *
 * @publicApi
 */
export class Snooze extends SitqError {
  readonly code = 'SITQ_SNOOZE';

  constructor(
    /** Time until the next run in ms. */
    readonly delay: number,
  ) {
    super(`Snoozed for ${delay} ms.`);
  }
}
