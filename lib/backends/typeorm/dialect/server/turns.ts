import { BackendError } from '../../../../errors/backend.error.js';

/** How long work may wait for its turn, in ms. */
const LONGEST_WAIT = 15_000;

/** Lets so much work be under way at a time; what comes beyond that waits in line. */
export class Turns {
  private readonly line: (() => void)[] = [];

  constructor(private free: number) {}

  /** @throws BackendError when its turn came too late. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const since = performance.now();
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((turn) => this.line.push(turn));
    try {
      if (performance.now() - since > LONGEST_WAIT) throw tooLate();
      return await work();
    } finally {
      const next = this.line.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

function tooLate(): BackendError {
  return new BackendError(
    `The database was asked for more at once than it answers in ${LONGEST_WAIT / 1000} s. Ask ` +
      `later, or raise poolSize.`,
    { transient: true },
  );
}
