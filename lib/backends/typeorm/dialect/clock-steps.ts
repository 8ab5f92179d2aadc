/** A step beyond this is one; a smaller one may be a reply that was late, in ms. */
const NOISE = 1000;
/** For so long after a step somebody may still go by the time before, in ms. */
const AFTERMATH = 15_000;

/** Notices when the clock of a store was set back, by a counter that nobody can set. */
export class ClockSteps {
  private ahead: number | undefined;
  private until = -Infinity;

  /**
   * Whether the clock may have gone back lately. Asked at each look at the store; at the first one
   * nobody knows.
   */
  mayHaveGoneBack(now: number, at = performance.now()): boolean {
    const ahead = now - at;
    const isFirst = this.ahead === undefined;
    if (this.ahead !== undefined && ahead < this.ahead - NOISE) this.until = at + AFTERMATH;
    this.ahead = ahead;
    return isFirst || at <= this.until;
  }
}
