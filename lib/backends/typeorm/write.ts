/** One accepted write that waits for its commit. A dialect sets `outcome`, or `error` when only this one failed. */
export class Write<I, O> {
  outcome: O | undefined;
  error: Error | undefined;

  constructor(
    readonly input: I,
    private readonly resolve: (outcome: O) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  /** Tells the caller, after the commit. */
  finish(): void {
    if (this.error) this.reject(this.error);
    else this.resolve(this.outcome as O);
  }

  fail(error: Error): void {
    this.reject(error);
  }
}
