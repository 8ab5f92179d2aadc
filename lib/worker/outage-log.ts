import type { SitqLogger } from '../core/logger.js';
import { textOf } from '../core/text-of.js';
import { BackendError } from '../errors/backend.error.js';

/**
 * Says once that the store cannot be used, whichever part of the worker notices it first, and once
 * that it can again. What no waiting mends is said once by each part.
 */
export class OutageLog {
  /** What cannot be done now. */
  private readonly failing = new Set<string>();
  private since = 0;

  constructor(
    private readonly workerId: string,
    private readonly logger: SitqLogger,
  ) {}

  /** @param what could not be done, such as `claim tasks`. */
  failed(what: string, error: unknown): void {
    const isOutage = error instanceof BackendError && error.transient;
    const isTold = this.failing.has(what) || (isOutage && this.failing.size > 0);
    if (this.failing.size === 0) this.since = performance.now();
    this.failing.add(what);
    if (!isTold) this.logger.error(`Worker ${this.workerId} cannot ${what}: ${textOf(error)}`);
  }

  /** It could be done, or need not be done any more. */
  worked(what: string): void {
    if (!this.failing.delete(what) || this.failing.size > 0) return;
    const seconds = Math.ceil((performance.now() - this.since) / 1000);
    this.logger.log(`Worker ${this.workerId} can use its store again, after ${seconds} s.`);
  }
}
