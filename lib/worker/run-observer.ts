import type { TaskRun } from './task-run.js';

/** What a worker wants to know of its runs. */
export interface RunObserver {
  /** The handler has ended; the outcome is about to be stored, in this same turn. */
  ended(run: TaskRun): void;
  /** The outcome is stored, or cannot be. */
  settled(run: TaskRun): void;
  /** Something about the run was not written because its lease is lost. */
  refused(run: TaskRun): void;
  /** The handler kept the event loop busy for so many ms before it let go for the first time. */
  computed(run: TaskRun, ms: number): void;
  /** A handler became stuck, or a stuck one has ended. */
  stuckChanged(): void;
}
