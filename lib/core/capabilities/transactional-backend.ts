import type { EntityManager } from 'typeorm';
import type { Backend } from '../backend.js';
import type { NewTask, StoredTask } from '../task.js';

/**
 * A transaction of the application in which something about a task was written.
 *
 * @publicApi
 */
export interface JoinedTransaction {
  /** Resolves when the transaction has ended, committed or not. */
  over(): Promise<void>;
}

/** What tells whether two enqueues with one id are the same one. */
export type StoredContent = Pick<StoredTask, 'id' | 'name' | 'payload'>;

/**
 * A store that can write inside a transaction of the application, through its EntityManager: what
 * it writes then becomes true, and is announced, with the commit, and vanishes with a rollback.
 *
 * Each method rejects as `checkManager` does.
 *
 * @publicApi
 */
export interface TransactionalBackend {
  /** Rejects with a `ValidationError` when the store cannot be reached through the manager. */
  checkManager(manager: EntityManager): Promise<void>;

  /**
   * Stores tasks as `enqueueTask` does: all of them, or none where one has the id of another task.
   *
   * @param isSame whether what is stored under the id of a task is that very task.
   */
  enqueueTasksIn(
    manager: EntityManager,
    tasks: readonly NewTask[],
    isSame: (stored: StoredContent, task: NewTask) => boolean,
  ): Promise<void>;

  /**
   * Completes a running task.
   *
   * @param value the serialized result.
   * @throws LeaseLostError when the lease is not the current one; nothing changes.
   */
  completeIn(
    manager: EntityManager,
    taskId: string,
    lease: number,
    value: string | null,
  ): Promise<JoinedTransaction>;

  /**
   * Makes sure that nobody is handed the task before the transaction has ended.
   *
   * @throws LeaseLostError when the lease is not the current one.
   */
  fenceIn(manager: EntityManager, taskId: string, lease: number): Promise<JoinedTransaction>;

  /**
   * Whether a run has completed its task; false while it still holds it.
   *
   * @throws LeaseLostError when it neither has nor does.
   */
  isCompleted(taskId: string, lease: number): Promise<boolean>;
}

/** Whether the store has this capability. */
export function isTransactionalBackend(
  backend: Backend,
): backend is Backend & TransactionalBackend {
  return 'enqueueTasksIn' in backend && 'completeIn' in backend;
}
