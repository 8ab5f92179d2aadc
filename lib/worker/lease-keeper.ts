import type {
  LeasingBackend,
  WorkerBeat,
  WorkerRegistration,
} from '../core/capabilities/leasing-backend.js';
import type { SitqLogger } from '../core/logger.js';
import { leaveMark, removeMark } from '../core/process-mark.js';
import type { OutageLog } from './outage-log.js';

/** Signs of life per lease. */
const BEATS_PER_LEASE = 3;
/** Time to the next one when one has failed, in ms. */
const RETRY_INTERVAL = 100;
/** How often to look for tasks of dead workers, in ms; with a short lease more often. */
const SWEEP_INTERVAL = 1000;

const RENEW = 'renew its lease';
const SWEEP = 'look for lost tasks';

/** What the keeper needs to know of its worker. */
export interface LeaseKeeperParts {
  readonly backend: LeasingBackend;
  readonly registration: WorkerRegistration;
  /** In ms. */
  readonly lease: number;
  readonly logger: SitqLogger;
  readonly outages: OutageLog;
  /** What a beat tells beside the lease. */
  readonly load: () => Promise<Omit<WorkerBeat, 'lease'>>;
  /** A task of a lost worker is not run again. */
  readonly onEnded: (taskId: string) => void;
  readonly onRenewed: () => void;
  /** The registration ran out: the tasks in flight are no longer this worker's. */
  readonly onLost: () => void;
}

/**
 * Keeps the worker's registration alive, and with it the lease of every task it runs; beside that
 * it takes over the tasks of workers that died.
 */
export class LeaseKeeper {
  private beatTimer: NodeJS.Timeout | undefined;
  private sweepTimer: NodeJS.Timeout | undefined;
  private beating = Promise.resolve();
  private following: Promise<void> | null = null;
  private failing = false;
  /** When the registration was last renewed, and since when without a gap. */
  private renewedAt = -Infinity;
  private steadySince = -Infinity;
  private sweepFailed = false;
  private stopped = false;

  constructor(private readonly parts: LeaseKeeperParts) {}

  async start(): Promise<void> {
    leaveMark(this.parts.registration.id);
    await this.register();
    this.renewedAt = performance.now();
    if (this.stopped) return this.retire();
    await this.sweep();
    this.scheduleBeat();
    this.scheduleSweep();
  }

  /**
   * One beat now, beside the regular ones. While one is under way, which may tell an older load,
   * all callers share the one that follows it.
   */
  beat(): Promise<void> {
    this.following ??= this.beating.then(() => {
      this.following = null;
      this.beating = this.beatOnce();
      return this.beating;
    });
    return this.following;
  }

  /** Ends the beats and removes the registration. The worker must hold no task any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.beatTimer);
    clearTimeout(this.sweepTimer);
    await (this.following ?? this.beating);
    await this.retire();
  }

  private async retire(): Promise<void> {
    const { backend, registration } = this.parts;
    await backend.retireWorker(registration.id);
    removeMark(registration.id);
  }

  /** The next regular beat, whichever beat was the last one. */
  private scheduleBeat(): void {
    clearTimeout(this.beatTimer);
    if (this.stopped) return;
    const interval = this.failing ? RETRY_INTERVAL : this.parts.lease / BEATS_PER_LEASE;
    this.beatTimer = setTimeout(() => void this.beat(), interval);
    this.beatTimer.unref();
  }

  private scheduleSweep(): void {
    if (this.stopped) return;
    this.sweepTimer = setTimeout(
      () => {
        const swept = this.isCurrent() ? this.sweep(!this.isSteady()) : Promise.resolve();
        void swept.then(() => this.scheduleSweep());
      },
      Math.min(SWEEP_INTERVAL, this.parts.lease / BEATS_PER_LEASE),
    );
    this.sweepTimer.unref();
  }

  private async beatOnce(): Promise<void> {
    if (this.stopped) return; // a handler that was stuck has ended at last
    const { backend, registration, lease, load, logger, onLost, outages } = this.parts;
    try {
      if (!(await backend.renewWorker(registration.id, { lease, ...(await load()) }))) {
        logger.error(
          `Worker ${registration.id} was silent for longer than its lease of ${lease} ms; its ` +
            `tasks were handed on. It registers anew.`,
        );
        onLost();
        await this.register();
      }
      this.failing = false;
      this.renewed();
      outages.worked(RENEW);
    } catch (error) {
      this.failing = true;
      outages.failed(RENEW, error);
    }
    this.scheduleBeat();
  }

  private renewed(): void {
    const now = performance.now();
    if (now - this.renewedAt > this.longestGap) this.steadySince = now;
    this.renewedAt = now;
    this.parts.onRenewed();
  }

  /** Not in an outage. */
  private isCurrent(): boolean {
    return performance.now() - this.renewedAt <= this.longestGap;
  }

  /**
   * Not soon after an outage, nor after this process stood still: the registrations of workers that
   * are alive may have run out, too. Each has a whole lease to renew its own before it counts as
   * lost; those whose process is gone for certain are lost at once.
   */
  private isSteady(): boolean {
    return performance.now() - this.steadySince >= this.parts.lease;
  }

  /** Another worker's last sign of life may be older than ours by the time between two. */
  private get longestGap(): number {
    return 0.6 * this.parts.lease;
  }

  private async register(): Promise<void> {
    const { backend, registration, lease, load } = this.parts;
    await backend.registerWorker(registration, { lease, ...(await load()) });
  }

  /** Takes over the tasks of dead workers. Finding none costs a look without a lock. */
  private async sweep(onlyGone = false): Promise<void> {
    const { backend, logger, outages, registration } = this.parts;
    try {
      for (const task of await backend.rescueTasks(registration.id, onlyGone)) {
        logger.warn(
          `Task ${task.name} ${task.id} lost its worker ${task.workerId} in attempt ` +
            `${task.attempt}; it is ${task.status} now.`,
        );
        if (task.status !== 'queued') this.parts.onEnded(task.id);
      }
      this.sweepFailed = false;
      outages.worked(SWEEP);
    } catch (error) {
      if (this.sweepFailed) outages.failed(SWEEP, error); // a single one is soon made up for
      this.sweepFailed = true;
    }
  }
}
