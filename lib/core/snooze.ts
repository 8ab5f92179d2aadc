import { SitqError } from '../errors/sitq.error.js';
import { readDelay } from './read-delay.js';
import type { Duration } from './duration.js';

/**
 * Thrown by a handler, or by `TaskContext.snooze`, to be run again later. Not a failure: the task
 * goes back to its queue and the attempt does not count.
 *
 * @publicApi
 */
export class Snooze extends SitqError {
  static readonly code = 'SITQ_SNOOZE';
  readonly code = Snooze.code;
  /** Time until the next run in ms. */
  readonly delay: number;

  /** @throws ValidationError for what is no duration. */
  constructor(delay: Duration) {
    const parsed = readDelay('Snooze', delay);
    super(`Snoozed for ${parsed} ms.`);
    this.delay = parsed;
  }
}
