/**
 * Where "now" comes from, in ms since the epoch. Replaceable so that tests need not wait.
 *
 * @publicApi
 */
export interface Clock {
  now(): number;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };
