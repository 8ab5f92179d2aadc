import type { Backend } from '../backend.js';

/**
 * A line that a handler logged.
 *
 * @publicApi
 */
export interface LogLine {
  readonly at: number;
  readonly attempt: number;
  readonly line: string;
}

/**
 * What a running handler reported since the last time.
 *
 * @publicApi
 */
export interface Report {
  readonly lease: number;
  /** The latest progress, serialized. */
  readonly progress?: string;
  readonly lines?: readonly LogLine[];
}

/**
 * A store that keeps progress and log lines of a task.
 *
 * @publicApi
 */
export interface JournalingBackend {
  /**
   * @throws LeaseLostError when the lease is not the current one; nothing changes. The lease that
   * has completed the task may still report.
   * @throws TaskNotFoundError when there is no such task.
   */
  storeReport(taskId: string, report: Report): Promise<void>;

  /** The kept lines, oldest first; null when there is no such task. */
  getLog(taskId: string): Promise<LogLine[] | null>;
}

/** Whether the store has this capability. */
export function isJournalingBackend(backend: Backend): backend is Backend & JournalingBackend {
  return 'storeReport' in backend && 'getLog' in backend;
}
