/** How long the rate is measured at least, in ms; what is older than so many ms is forgotten. */
const WINDOW = 10;
const MEMORY = 40;
/** What the latest claim counts for beside those before. */
const WEIGHT = 0.25;
/** Of what ends while a claim is under way: both vary. */
const MARGIN = 3;

/**
 * How many tasks to claim beyond the free slots, so that no slot waits for the store: as many as
 * end while a claim is under way, three times over. Where handlers take their time that is none,
 * and a task is left to whichever worker has a slot for it.
 */
export class Lookahead {
  private ended = 0;
  private since = performance.now();
  /** Runs that end, per ms. */
  private rate = 0;
  private claimTook = 0;

  /** @param most tasks, however fast they are. */
  constructor(private readonly most: number) {}

  get tasks(): number {
    return Math.min(this.most, Math.floor(MARGIN * this.rate * this.claimTook));
  }

  noteEnd(): void {
    this.ended += 1;
  }

  /** @param took how long a claim was under way, in ms. */
  noteClaim(took: number): void {
    this.claimTook += WEIGHT * (took - this.claimTook);
    const passed = performance.now() - this.since;
    if (passed < WINDOW) return;
    this.rate += Math.min(1, passed / MEMORY) * (this.ended / passed - this.rate);
    this.ended = 0;
    this.since += passed;
  }
}
