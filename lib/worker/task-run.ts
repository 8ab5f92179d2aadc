import type { LogLine, Report } from '../core/capabilities/journaling-backend.js';
import type { CurrentRun } from '../core/current-run.js';
import type { Handler } from '../core/handler.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import { safeText } from '../core/safe-text.js';
import { toTask } from '../core/task-view.js';
import type { ReservedTask, Task } from '../core/task.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { SerializationError } from '../errors/serialization.error.js';

const MAX_LINE_BYTES = 8 * 1024;
const MAX_PROGRESS_BYTES = 64 * 1024;
/** Lines that wait to be written; a handler that logs faster loses the oldest. */
const MAX_PENDING_LINES = 1000;

/** One attempt at one task while its handler runs. */
export class TaskRun implements CurrentRun {
  /** Why the signal was aborted; the first reason stays, but for a lost lease. */
  abortReason: unknown;
  /** Set by `snooze`: wins over whatever the handler does afterwards. */
  snoozeDelay: number | undefined;
  /** The handler ignored its timeout beyond the grace. */
  stuck = false;
  /** The outcome is stored although the handler still runs. */
  concluded = false;

  private controller: AbortController | undefined;
  private view: Task | undefined;
  private pendingProgress: string | undefined;
  private pendingLines: LogLine[] = [];

  constructor(
    readonly reserved: ReservedTask,
    readonly handler: Handler,
    private readonly workerId: string,
    private readonly codec: PayloadCodec,
    private readonly startedAt: number,
    private readonly onReport: (run: TaskRun) => void,
  ) {}

  get task(): Task {
    this.view ??= toTask(
      {
        ...this.reserved,
        status: 'running',
        workerId: this.workerId,
        cancelRequestedAt: null,
        startedAt: this.startedAt,
        finishedAt: null,
        progress: null,
      },
      this.codec,
    );
    return this.view;
  }

  get attempt(): number {
    return this.reserved.attempt;
  }

  get maxAttempts(): number {
    return this.reserved.maxAttempts ?? this.handler.maxAttempts;
  }

  get lastAttempt(): boolean {
    return this.attempt >= this.maxAttempts;
  }

  get timeout(): number | null {
    return this.reserved.timeout ?? this.handler.timeout;
  }

  /** Made on demand: most handlers never look at it. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.abortReason !== undefined) this.controller.abort(this.abortReason);
    return this.controller.signal;
  }

  abort(reason: Error): void {
    if (this.abortReason !== undefined && !(reason instanceof LeaseLostError)) return;
    this.abortReason = reason;
    this.controller?.abort(reason);
  }

  snooze(delay: number): void {
    this.snoozeDelay = delay;
  }

  progress(value: unknown): void {
    const text = this.codec.encode('progress', value);
    if (Buffer.byteLength(text) > MAX_PROGRESS_BYTES) {
      throw new SerializationError(
        `progress takes more than ${MAX_PROGRESS_BYTES} bytes. Report something smaller.`,
        { path: 'progress' },
      );
    }
    this.pendingProgress = text;
    this.onReport(this);
  }

  log(line: string): void {
    const at = Date.now();
    this.pendingLines.push({
      at,
      attempt: this.attempt,
      line: safeText(String(line), MAX_LINE_BYTES),
    });
    if (this.pendingLines.length > MAX_PENDING_LINES) this.pendingLines.shift();
    this.onReport(this);
  }

  /** What was reported since the last time, or undefined. */
  takeReport(): Report | undefined {
    const { pendingProgress: progress, pendingLines: lines } = this;
    if (progress === undefined && lines.length === 0) return undefined;
    this.pendingProgress = undefined;
    this.pendingLines = [];
    return { lease: this.reserved.lease, progress, lines };
  }
}
