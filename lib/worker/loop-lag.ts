import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** How often the event loop is looked at, in ms: a hold-up is told short by as much at most. */
const RESOLUTION = 20;
const NANOSECONDS = 1e6;

/** How long the event loop of this process is held up at a time. */
export class LoopLag {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  start(): void {
    this.histogram.enable();
  }

  /** The longest hold-up since the last call, in ms. */
  take(): number {
    // The histogram tells the time between two looks, and nothing before the second one.
    const lag = Math.round(this.histogram.max / NANOSECONDS) - RESOLUTION;
    this.histogram.reset();
    return Math.max(0, lag);
  }

  stop(): void {
    this.histogram.disable();
  }
}
