/**
 * Where "now" comes from, in ms since the epoch. Replaceable so that tests need not wait.
 *
 * @publicApi
 */
export interface Clock {
  now(): number;
  /**
   * For a clock that is another machine's: asks it again where what is known of it is no longer
   * fresh, or may be wrong, such as after this machine slept. Undefined where there is no need.
   *
   * @throws BackendError when it cannot be asked.
   */
  refresh?(): Promise<void> | undefined;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };
