import type { DataSource, DataSourceOptions } from 'typeorm';
import type { ReserveRequest } from '../../../core/backend.js';
import type { TaskCounts } from '../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../core/capabilities/journaling-backend.js';
import type { StoredResult } from '../../../core/result.js';
import type { StoredTask } from '../../../core/task.js';
import type { BackendError } from '../../../errors/backend.error.js';
import type { WriteBatch } from '../write-batch.js';

/**
 * What differs between the databases, and nothing else. `TypeOrmBackend` turns calls into batches
 * of writes; a dialect applies a batch in one transaction.
 */
export interface Dialect {
  /** Options of the DataSource that the backend opens for itself. */
  dataSourceOptions(): DataSourceOptions;

  /** Whatever must exist before the database is opened. */
  prepare(): Promise<void>;

  /** Runs `work` while no other process can change the schema. */
  withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void>;

  /** The schema is there: compile statements. */
  attach(dataSource: DataSource): void;

  /**
   * Applies every write in one transaction, in the order of {@link WriteBatch}, and sets the
   * outcome or the error of each. Throws when the whole transaction failed; it may then be tried
   * again with the same batch.
   */
  commit(batch: WriteBatch): Promise<void> | void;

  findTask(taskId: string): Promise<StoredTask | null>;
  findResult(taskId: string): Promise<StoredResult | null>;
  findLog(taskId: string): Promise<LogLine[] | null>;
  findCancelRequests(workerId: string): Promise<string[]>;
  /** Past or ahead: the worker that asks may have looked for tasks a moment before. */
  findNextEta(request: ReserveRequest): Promise<number | null>;
  count(): Promise<TaskCounts>;

  /** Whether another process merely held the lock: nothing was done, try again soon. */
  isContention(error: unknown): boolean;

  /** Wraps an error of the driver; `transient` where a later call may succeed. */
  toBackendError(error: unknown): BackendError;
}
