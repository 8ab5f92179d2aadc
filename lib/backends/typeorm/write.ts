/** One accepted write that waits for its commit. A dialect sets `outcome`, or `error` when only this one failed. */
export class Write<I, O> {
  outcome: O | undefined;
  error: Error | undefined;
  /** Outcome or error stand, whatever becomes of the rest of the batch. */
  decided = false;

  constructor(
    readonly input: I,
    private readonly resolve: (outcome: O) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  /** For databases that apply a batch in several steps. */
  succeed(outcome: O): void {
    this.outcome = outcome;
    this.decided = true;
  }

  refuse(error: Error): void {
    this.error = error;
    this.decided = true;
  }

  /** Tells the caller, after the commit. */
  finish(): void {
    if (this.error) this.reject(this.error);
    else this.resolve(this.outcome as O);
  }

  fail(error: Error): void {
    this.reject(error);
  }
}
