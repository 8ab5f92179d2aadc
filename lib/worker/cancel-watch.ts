import type { CancellingBackend } from '../core/capabilities/cancelling-backend.js';
import { TaskCancelledError } from '../errors/task-cancelled.error.js';
import type { OutageLog } from './outage-log.js';
import type { Slots } from './slots.js';

const LOOK = 'look for cancels';

/** Aborts the signal of runs that somebody, in whatever process, wants cancelled. */
export class CancelWatch {
  private checking = false;
  private again = false;
  private checkedAt = 0;

  constructor(
    private readonly backend: CancellingBackend,
    private readonly workerId: string,
    private readonly slots: Slots,
    private readonly outages: OutageLog,
  ) {}

  /** Looks now; a call during a look makes one more. */
  async check(): Promise<void> {
    this.again = true;
    if (this.checking) return;
    this.checking = true;
    while (this.again && this.slots.inFlight > 0) {
      this.again = false;
      this.checkedAt = performance.now();
      await this.look();
    }
    this.checking = false;
  }

  /** Looks unless that was done within the last `interval` ms: for when no wake-up came. */
  async checkEvery(interval: number): Promise<void> {
    if (performance.now() - this.checkedAt >= interval) await this.check();
  }

  private async look(): Promise<void> {
    try {
      for (const taskId of await this.backend.cancelRequests(this.workerId)) {
        this.slots.get(taskId)?.abort(new TaskCancelledError(taskId));
      }
      this.outages.worked(LOOK);
    } catch (error) {
      this.outages.failed(LOOK, error);
    }
  }
}
