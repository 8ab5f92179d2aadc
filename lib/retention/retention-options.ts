import { parseDuration, type Duration } from '../core/duration.js';

/**
 * How long tasks are kept after they ended. A duration holds for every final state; in an object,
 * a state that is left out is kept for ever.
 *
 * @publicApi
 */
export type Retention =
  | Duration
  | { readonly completed?: Duration; readonly failed?: Duration; readonly cancelled?: Duration };

/** Ages in ms by final state. */
export type RetentionPlan = Readonly<Partial<Record<'completed' | 'failed' | 'cancelled', number>>>;

const STATES = new Set(['completed', 'failed', 'cancelled']);

/** Fills in a retention; `undefined` when the value is not one. */
export function parseRetention(value: unknown): RetentionPlan | undefined {
  const all = parseDuration(value);
  if (all !== undefined) return { completed: all, failed: all, cancelled: all };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const plan: Record<string, number> = {};
  for (const [state, duration] of Object.entries(value)) {
    if (duration === undefined) continue;
    const age = parseDuration(duration);
    if (age === undefined || !STATES.has(state)) return undefined;
    plan[state] = age;
  }
  return plan;
}
