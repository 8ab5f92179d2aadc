import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often to look at the event loop, in ms. */
const INTERVAL = 50;
/** The part of its time that may be taken, by whomever, before the worker holds back. */
const BUSY = 0.7;
/** Rests between two claims, in ms: the first and the longest; how they grow and shrink. */
const SHORTEST_REST = 1;
const LONGEST_REST = 50;
const GROWTH = 1.5;
const DECAY = 0.8;
/** Tasks per claim of a worker that holds back: what is settled together holds up all others. */
const FEW = 10;

/** Leaves the event loop to the application: holds claims back while it is busy. */
export class Courtesy {
  private rest = 0;
  private timer: NodeJS.Timeout | undefined;
  private seen = performance.eventLoopUtilization();

  start(): void {
    this.timer = setInterval(() => this.look(), INTERVAL).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.rest = 0;
  }

  /** Tasks that a claim may bring. */
  get most(): number {
    return this.rest > 0 ? FEW : Infinity;
  }

  /** Between two claims. */
  async pause(): Promise<void> {
    if (this.rest > 0) await sleep(this.rest);
  }

  private look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.seen);
    this.seen = now;
    if (utilization > BUSY) {
      this.rest = Math.min(LONGEST_REST, Math.max(SHORTEST_REST, this.rest * GROWTH));
    } else {
      this.rest = this.rest > SHORTEST_REST ? this.rest * DECAY : 0;
    }
  }
}
