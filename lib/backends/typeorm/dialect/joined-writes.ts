import type { EntityManager } from 'typeorm';
import type { StoredContent } from '../../../core/capabilities/transactional-backend.js';
import type { NewTask } from '../../../core/task.js';

/**
 * What is written inside a transaction of the application, by one statement each through its
 * EntityManager. Nothing here begins or ends a transaction, or leaves one that cannot go on.
 */
export interface JoinedWrites {
  /** Types of the DataSources that lead to this kind of database. */
  readonly types: readonly string[];

  /** Whether the manager leads to the very tables of this store. */
  reaches(manager: EntityManager): Promise<boolean>;

  /** Stores the tasks whose id is free. Resolves to what is stored under the ids that are not. */
  insert(manager: EntityManager, tasks: readonly NewTask[]): Promise<StoredContent[]>;

  /** Takes back what `insert` has just stored. */
  remove(manager: EntityManager, ids: readonly string[]): Promise<void>;

  /** Completes the task if the lease is the current one, or resolves to false. */
  complete(
    manager: EntityManager,
    id: string,
    lease: number,
    result: string | null,
  ): Promise<boolean>;

  /**
   * Locks the task until the end of the transaction, so that no claim and no rescue can take it,
   * if the lease is the current one; else resolves to false.
   */
  hold(manager: EntityManager, id: string, lease: number): Promise<boolean>;
}
