import type { EntityManager } from 'typeorm';
import type { Task } from './task.js';

/** What {@link TaskContext} shows of the run that is under way. */
export interface CurrentRun {
  readonly task: Task;
  readonly attempt: number;
  readonly lastAttempt: boolean;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
  log(line: string): void;
  snooze(delay: number): void;
  complete(manager: EntityManager, value: unknown): Promise<void>;
  fence(manager: EntityManager): Promise<void>;
}
