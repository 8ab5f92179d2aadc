import type { Backend } from '../core/backend.js';
import { isJournalingBackend, type Report } from '../core/capabilities/journaling-backend.js';
import { inAscii } from '../core/in-ascii.js';
import type { SitqLogger } from '../core/logger.js';
import { withoutContext } from '../core/without-context.js';
import { BackendError } from '../errors/backend.error.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import type { OutageLog } from './outage-log.js';
import type { RunObserver } from './run-observer.js';
import type { TaskRun } from './task-run.js';

/** How long reports are gathered, in ms. */
const INTERVAL = 100;

const STORE = 'store what tasks report';

/** Writes the progress and the log lines of runs, gathered so that a chatty handler costs little. */
export class Reporter {
  private readonly waiting = new Set<TaskRun>();
  private timer: NodeJS.Timeout | undefined;
  private warned = false;

  constructor(
    private readonly backend: Backend,
    private readonly logger: SitqLogger,
    private readonly observer: RunObserver,
    private readonly outages: OutageLog,
  ) {}

  /** The run has something to report. */
  readonly add = (run: TaskRun): void => {
    this.waiting.add(run);
    this.timer ??= withoutContext(() => setTimeout(() => this.flushAll(), INTERVAL));
  };

  /** Writes what a run has reported, before its outcome is stored. */
  flush(run: TaskRun): void {
    if (!this.waiting.delete(run)) return;
    const report = run.takeReport();
    if (!report || run.concluded) return;
    if (!isJournalingBackend(this.backend)) {
      this.warnOnce();
      return;
    }
    const { backend } = this;
    const { id } = run.reserved;
    const store = backend.storeReport(id, report).catch((error: unknown) => {
      if (!(error instanceof BackendError && error.unstorable)) throw error;
      return backend.storeReport(id, inPlainText(report));
    });
    store.then(
      () => this.outages.worked(STORE),
      (error: unknown) => {
        if (error instanceof LeaseLostError) this.observer.refused(run);
        else this.outages.failed(STORE, error);
      },
    );
  }

  private flushAll(): void {
    this.timer = undefined;
    for (const run of this.waiting) this.flush(run);
  }

  private warnOnce(): void {
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      `${this.backend.constructor.name} does not implement JournalingBackend: progress and log ` +
        `lines of tasks are not kept.`,
    );
  }
}

/** For a database that lacks some characters. */
function inPlainText({ lease, progress, lines = [] }: Report): Report {
  return {
    lease,
    ...(progress !== undefined && { progress: inAscii(progress) }),
    lines: lines.map((line) => ({ ...line, line: inAscii(line.line) })),
  };
}
