import type { Report } from '../../core/capabilities/journaling-backend.js';
import type { Handler } from '../../core/handler.js';
import type { ReservedTask } from '../../core/task.js';

/**
 * One attempt at a task as {@link Isolation} sees it.
 *
 * @publicApi
 */
export interface IsolatedRun {
  readonly reserved: ReservedTask;
  readonly workerId: string;
  /** In ms since the epoch. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
  readonly abortReason: unknown;
  abort(reason: Error): void;
  /** The handler has asked for it. @param delay in ms */
  snooze(delay: number): void;
  /** What the handler has reported. */
  accept(report: Pick<Report, 'progress' | 'lines'>): void;
  /** The handler has completed its task in a transaction that has ended. */
  acceptCompletion(text: string | null): void;
}

/**
 * Runs handlers elsewhere than on the worker's event loop. The module makes one of threads.
 *
 * @publicApi
 */
export interface Isolation {
  /** How many run at once. */
  readonly threads: number;
  /** Gets ready for these handlers. @throws ConfigurationError when one of them is not there */
  start(handlers: readonly Handler[]): Promise<void>;
  /**
   * Runs the handler of a run, and ends it when its signal has aborted and the grace is over.
   *
   * @param onBegin is called when a thread has begun with it.
   * @returns the encoded value, null for undefined.
   * @throws what the handler throws, the reason why it was ended, or how its thread died.
   */
  run(run: IsolatedRun, onBegin: () => void): Promise<string | null>;
  /** Whatever still runs is ended. */
  stop(): Promise<void>;
}
