import type { Report } from '../core/capabilities/journaling-backend.js';
import type { TaskRun } from '../worker/task-run.js';

/** So many reports in so many ms are sent at once; what comes beyond them is gathered. */
const MOST_AT_ONCE = 20;
const INTERVAL = 100;

/**
 * What a run reports, on its way out of the thread. A report costs the event loop outside more than
 * the thread, and one that reports in a loop would keep it busy; what is sent at once is there
 * even when the thread dies.
 */
export class GatheredReports {
  private since = -Infinity;
  private sent = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly send: (report: Report) => void) {}

  /** The run has something to report. */
  readonly add = (run: TaskRun): void => {
    const now = performance.now();
    if (now - this.since >= INTERVAL) [this.since, this.sent] = [now, 0];
    if (this.sent < MOST_AT_ONCE) this.flush(run);
    else this.timer ??= setTimeout(() => this.flush(run), INTERVAL);
  };

  /** Sends what has been gathered. */
  flush(run: TaskRun): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const report = run.takeReport();
    if (!report) return;
    this.sent += 1;
    this.send(report);
  }
}
