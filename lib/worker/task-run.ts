import { AsyncResource } from 'node:async_hooks';
import type { EntityManager } from 'typeorm';
import type { LogLine, Report } from '../core/capabilities/journaling-backend.js';
import type { CurrentRun } from '../core/current-run.js';
import type { Handler } from '../core/handler.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import { safeText } from '../core/safe-text.js';
import { toTask } from '../core/task-view.js';
import type { ReservedTask, Task } from '../core/task.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { SerializationError } from '../errors/serialization.error.js';
import type { RunTransactions } from './run-transactions.js';
import type { StorableOutcome } from './settler.js';

const MAX_LINE_BYTES = 8 * 1024;
const MAX_PROGRESS_BYTES = 64 * 1024;
/** Lines that wait to be written; a handler that logs faster loses the oldest. */
const MAX_PENDING_LINES = 1000;

/** What the runs of a worker share. */
export interface TaskRunParts {
  readonly workerId: string;
  readonly codec: PayloadCodec;
  readonly transactions: RunTransactions;
  readonly onReport: (run: TaskRun) => void;
}

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
  /** What the handler stored in a transaction of its own, which may yet roll back. */
  completion: (StorableOutcome & { kind: 'completed' }) | undefined;
  /** Each resolves when such a transaction has ended. */
  readonly joined: Promise<void>[] = [];

  /** By `performance.now()`. */
  readonly claimedAt = performance.now();

  /** What the application enters in a run (`AsyncLocalStorage.enterWith`) stays in it. */
  private readonly scope = new AsyncResource('SitqTaskRun');
  private controller: AbortController | undefined;
  private view: Task | undefined;
  private pendingProgress: string | undefined;
  private pendingLines: LogLine[] = [];

  constructor(
    readonly reserved: ReservedTask,
    readonly handler: Handler,
    readonly startedAt: number,
    private readonly parts: TaskRunParts,
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
      this.parts.codec,
    );
    return this.view;
  }

  get workerId(): string {
    return this.parts.workerId;
  }

  get attempt(): number {
    return this.reserved.attempt;
  }

  get maxAttempts(): number {
    const { maxAttempts } = this.reserved;
    return typeof maxAttempts === 'number' ? maxAttempts : this.handler.maxAttempts;
  }

  get lastAttempt(): boolean {
    return this.attempt >= this.maxAttempts;
  }

  /** In ms. What is stored and is none counts as if there were none stored. */
  get timeout(): number | null {
    const { timeout } = this.reserved;
    return typeof timeout === 'number' && timeout > 0 ? timeout : this.handler.timeout;
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
    this.within(() => this.controller?.abort(reason));
  }

  /** Calls what the application has to do with this run: in its context, and in none of others. */
  within<T>(work: () => T): T {
    return this.scope.runInAsyncScope(work);
  }

  snooze(delay: number): void {
    this.snoozeDelay = delay;
  }

  complete(manager: EntityManager, value: unknown): Promise<void> {
    return this.parts.transactions.complete(this, manager, value);
  }

  fence(manager: EntityManager): Promise<void> {
    return this.parts.transactions.fence(this, manager);
  }

  progress(value: unknown): void {
    const text = this.parts.codec.encode('progress', value);
    if (Buffer.byteLength(text) > MAX_PROGRESS_BYTES) {
      throw new SerializationError(
        `progress takes more than ${MAX_PROGRESS_BYTES} bytes. Report something smaller.`,
        { path: 'progress' },
      );
    }
    this.pendingProgress = text;
    this.parts.onReport(this);
  }

  log(line: string): void {
    const at = Date.now();
    this.pendingLines.push({
      at,
      attempt: this.attempt,
      line: safeText(String(line), MAX_LINE_BYTES),
    });
    if (this.pendingLines.length > MAX_PENDING_LINES) this.pendingLines.shift();
    this.parts.onReport(this);
  }

  /** What the handler has reported from a thread. */
  accept({ progress, lines = [] }: Omit<Report, 'lease'>): void {
    if (progress !== undefined) this.pendingProgress = progress;
    this.pendingLines.push(...lines);
    if (this.pendingLines.length > MAX_PENDING_LINES) {
      this.pendingLines.splice(0, this.pendingLines.length - MAX_PENDING_LINES);
    }
    this.parts.onReport(this);
  }

  /** The handler has completed its task in a transaction that has ended, in a thread. */
  acceptCompletion(text: string | null): void {
    const value = text === null ? undefined : this.parts.codec.decode(text);
    this.joined.push(Promise.resolve());
    this.completion = { kind: 'completed', value, text };
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
