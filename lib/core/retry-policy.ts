import type { Duration } from './duration.js';
import { parseDuration } from './duration.js';
import type { Task } from './task.js';

/**
 * A function that chooses the time until the next attempt, or `false` to give up. Anything that is
 * no duration counts as the default backoff.
 *
 * @param attempt the attempt that failed, from 1
 * @publicApi
 */
export type BackoffFunction = (attempt: number, error: Error, task: Task) => Duration | false;

/**
 * The same delay before every attempt.
 *
 * @publicApi
 */
export interface FixedBackoff {
  readonly type: 'fixed';
  /** @default 1000 */
  readonly delay?: Duration;
}

/**
 * A delay that grows: `base * factor ** (attempt - 1)`, at most `max`.
 *
 * @publicApi
 */
export interface ExponentialBackoff {
  readonly type: 'exponential';
  /** Delay after the first attempt. @default 1000 */
  readonly base?: Duration;
  /** Growth per attempt, at least 1. @default 2 */
  readonly factor?: number;
  /** Ceiling. @default 3600000 (an hour) */
  readonly max?: Duration;
  /** `full` draws between 0 and the delay, so that failed tasks do not return all at once. @default 'full' */
  readonly jitter?: 'full' | 'none';
}

/**
 * How long to wait before the next attempt. A bare duration means that delay every time.
 *
 * @publicApi
 */
export type Backoff = 'fixed' | 'exponential' | Duration | FixedBackoff | ExponentialBackoff;

/**
 * A {@link Backoff} with every value filled in; this is what is stored with a task.
 *
 * @publicApi
 */
export type BackoffPlan =
  | { readonly type: 'fixed'; readonly delay: number }
  | {
      readonly type: 'exponential';
      readonly base: number;
      readonly factor: number;
      readonly max: number;
      readonly jitter: 'full' | 'none';
    };

export const DEFAULT_BACKOFF: BackoffPlan = {
  type: 'exponential',
  base: 1000,
  factor: 2,
  max: 3_600_000,
  jitter: 'full',
};

/** Fills in a backoff; `undefined` when the value is not one. */
export function parseBackoff(value: unknown): BackoffPlan | undefined {
  if (value === 'exponential') return DEFAULT_BACKOFF;
  if (value === 'fixed') return { type: 'fixed', delay: 1000 };
  if (typeof value !== 'object' || value === null) {
    const delay = parseDuration(value);
    return delay === undefined ? undefined : { type: 'fixed', delay };
  }
  const { type, ...given } = value as { type: unknown } & Record<string, unknown>;
  if (type === 'fixed') return parseFixed(given);
  return type === 'exponential' ? parseExponential(given) : undefined;
}

function parseFixed({ delay = 1000, ...unknown }: Record<string, unknown>) {
  const parsed = parseDuration(delay);
  if (parsed === undefined || Object.keys(unknown).length > 0) return undefined;
  return { type: 'fixed', delay: parsed } as const;
}

function parseExponential(given: Record<string, unknown>): BackoffPlan | undefined {
  const { factor = 2, jitter = 'full', base = 1000, max = 3_600_000, ...unknown } = given;
  const from = parseDuration(base);
  const most = parseDuration(max);
  if (from === undefined || most === undefined || Object.keys(unknown).length > 0) return undefined;
  if (typeof factor !== 'number' || !(factor >= 1) || !Number.isFinite(factor)) return undefined;
  if (jitter !== 'full' && jitter !== 'none') return undefined;
  return { type: 'exponential', base: from, factor, max: most, jitter };
}

/** Delay in ms after the given attempt. @param random from 0 (inclusive) to 1 (exclusive) */
export function backoffDelay(plan: BackoffPlan, attempt: number, random: () => number): number {
  if (plan.type === 'fixed') return plan.delay;
  const growth = plan.factor ** (attempt - 1);
  // No delay stays none, also when the growth is beyond all numbers.
  const delay = plan.base === 0 ? 0 : Math.min(plan.max, plan.base * growth);
  return Math.round(plan.jitter === 'full' ? delay * random() : delay);
}
