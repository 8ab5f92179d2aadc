import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often the event loop is looked at, in ms: a hold-up is told short by as much at most. */
const RESOLUTION = 20;
const NANOSECONDS = 1e6;

/**
 * How long the event loop of this process is held up at a time. A histogram that was reset misses
 * a hold-up that begins before its next look, and with long handlers one after the other that is
 * each of them. So there are two, which look at the same moments and are reset in turn.
 */
export class LoopLag {
  private histograms = [histogram(), histogram()] as const;

  start(): void {
    for (const each of this.histograms) each.enable();
  }

  /** The longest hold-up since the last call but one, in ms. */
  async take(): Promise<number> {
    await sleep(1); // the look that is overdue because of a hold-up comes before that
    const [older, younger] = this.histograms;
    // It tells the time between two looks, and 0 before there were any.
    const lag = Math.round(older.max / NANOSECONDS) - RESOLUTION;
    older.reset();
    this.histograms = [younger, older];
    return Math.max(0, lag);
  }

  stop(): void {
    for (const each of this.histograms) each.disable();
  }
}

function histogram() {
  return monitorEventLoopDelay({ resolution: RESOLUTION });
}
