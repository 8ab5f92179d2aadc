/** What took long is not repeated before so many times as long has passed, mostly... */
const REST = 20;
/** ...or so many ms, if that is less. */
const LONGEST_REST = 10_000;

/**
 * Keeps work that has become dear, because a database walks over many dead rows, to a twentieth of
 * the time.
 */
export class Pace {
  /** When the work last ended, by `performance.now()`. */
  endedAt = -Infinity;
  private took = 0;

  /**
   * Whether the work may be done now. When it took up to `cheap` ms it may be repeated at will;
   * else it waits for so many times as long.
   */
  allows(cheap: number, times = REST): boolean {
    const rest = this.took <= cheap ? 0 : Math.min(times * this.took, LONGEST_REST);
    return performance.now() - this.endedAt >= rest;
  }

  /** @param took in ms by the server's clock: a process that stood still is no dear work. */
  ended(took: number): void {
    this.endedAt = performance.now();
    this.took = took;
  }
}
