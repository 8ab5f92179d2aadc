/** What took longer is not repeated before so many times as long has passed. */
const REST = 20;

/**
 * Keeps work that has become dear, because a database walks over many dead rows, to a twentieth of
 * the time.
 */
export class Pace {
  /** When the work last ended, by `performance.now()`. */
  endedAt = -Infinity;
  private took = 0;

  /** Whether the work may be done now. When it took up to `cheap` ms it may be repeated at will. */
  allows(cheap: number): boolean {
    return this.took <= cheap || performance.now() - this.endedAt > REST * this.took;
  }

  /** Does the work and measures it. */
  async do<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const outcome = await work();
    this.endedAt = performance.now();
    this.took = this.endedAt - began;
    return outcome;
  }
}
