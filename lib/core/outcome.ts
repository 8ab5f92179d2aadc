import { DoNotRetryError } from '../errors/do-not-retry.error.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { TaskCancelledError } from '../errors/task-cancelled.error.js';
import { TaskTimeoutError } from '../errors/task-timeout.error.js';
import { WorkerShutdownError } from '../errors/worker-shutdown.error.js';
import { parseDuration } from './duration.js';
import { isA } from './is-a.js';
import { readField } from './read-field.js';
import { RetryAfterError } from './retry-after.error.js';
import { Snooze } from './snooze.js';
import {
  backoffDelay,
  DEFAULT_BACKOFF,
  type BackoffFunction,
  type BackoffPlan,
} from './retry-policy.js';
import type { Task } from './task.js';
import { textOf } from './text-of.js';

/** How a handler's run ended. */
export type RunEnd =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'snoozed'; readonly delay: number };

/** What the decision needs to know about the run beside its end. */
export interface RunFacts {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly backoff: BackoffPlan | BackoffFunction;
  readonly retryIf: ((error: Error, task: Task) => boolean) | undefined;
  /** Why the signal was aborted, if it was. */
  readonly abortReason: unknown;
  /** Made on demand: only the user's functions look at it. */
  readonly task: () => Task;
  readonly now: number;
  readonly random: () => number;
}

/**
 * What becomes of a task after a run.
 *
 * @publicApi
 */
export type Outcome =
  | { readonly kind: 'completed'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'retry'; readonly error: unknown; readonly eta: number }
  | { readonly kind: 'snoozed'; readonly eta: number }
  | { readonly kind: 'given-back' }
  | { readonly kind: 'lost' };

/**
 * Decides what a run means for its task. Pure. A handler that returns has completed its task,
 * whatever it was asked meanwhile; one that throws is judged by why its signal was aborted.
 */
export function decideOutcome(ended: RunEnd, facts: RunFacts): Outcome {
  const end = asSnooze(ended);
  const reason = facts.abortReason;
  if (reason instanceof LeaseLostError) return { kind: 'lost' };
  if (end.kind === 'returned') return { kind: 'completed', value: end.value };
  if (reason instanceof TaskCancelledError) return { kind: 'cancelled' };
  if (end.kind === 'snoozed') return { kind: 'snoozed', eta: facts.now + end.delay };
  if (reason instanceof WorkerShutdownError) return { kind: 'given-back' };
  if (!(reason instanceof TaskTimeoutError) || isControl(end.error)) {
    return failedAttempt(end.error, facts);
  }
  const { taskId, timeout } = reason;
  return failedAttempt(new TaskTimeoutError(taskId, timeout, { cause: end.error }), facts);
}

/** A handler may throw a `Snooze` itself. */
function asSnooze(end: RunEnd): RunEnd {
  if (end.kind !== 'threw' || !(end.error instanceof Snooze)) return end;
  const delay = delayOf(end.error);
  return delay === undefined ? end : { kind: 'snoozed', delay };
}

/** Of an error that may be another version's. */
function delayOf(error: object): number | undefined {
  return parseDuration(readField(error, 'delay'));
}

/** Whether the handler said itself what is to become of the task. */
function isControl(error: unknown): boolean {
  return error instanceof DoNotRetryError || error instanceof RetryAfterError;
}

function failedAttempt(error: unknown, facts: RunFacts): Outcome {
  const failed = { kind: 'failed', error } as const;
  if (error instanceof DoNotRetryError || facts.attempt >= facts.maxAttempts) return failed;
  try {
    const asError = isA(error, Error) ? error : new Error(textOf(error), { cause: error });
    if (facts.retryIf && !facts.retryIf(asError, facts.task())) return failed;
    const delay = delayAfter(asError, facts);
    return delay === false ? failed : { kind: 'retry', error, eta: facts.now + delay };
  } catch (mistake) {
    // The user's own function failed: say so, and keep the handler's error beside it.
    const message = `retryIf or backoff threw: ${textOf(mistake)}`;
    return { kind: 'failed', error: new Error(message, { cause: error }) };
  }
}

function delayAfter(error: Error, { backoff, attempt, random, task }: RunFacts): number | false {
  const asked = error instanceof RetryAfterError ? delayOf(error) : undefined;
  if (asked !== undefined) return asked;
  if (typeof backoff !== 'function') return backoffDelay(backoff, attempt, random);
  const chosen = backoff(attempt, error, task());
  if (chosen === false) return false;
  return parseDuration(chosen) ?? backoffDelay(DEFAULT_BACKOFF, attempt, random);
}
