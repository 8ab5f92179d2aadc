import type { DataSource, DataSourceOptions } from 'typeorm';
import type { ReserveRequest } from '../../../core/backend.js';
import type { TaskCounts } from '../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../core/capabilities/journaling-backend.js';
import type { ThreadBeat } from '../../../core/capabilities/thread-beating-backend.js';
import type { StoredWorker } from '../../../core/capabilities/worker-listing-backend.js';
import type { Clock } from '../../../core/clock.js';
import type { StoredResult } from '../../../core/result.js';
import type { NewTask, StoredTask } from '../../../core/task.js';
import type { BackendError } from '../../../errors/backend.error.js';
import type { SchemaTraits } from '../schema-traits.js';
import type { Waker } from '../waker.js';
import type { WriteBatch, WriteKind } from '../write-batch.js';
import type { JoinedWrites } from './joined-writes.js';

/** Kinds of writes that share a batch. */
export interface CommitGroup {
  readonly kinds: readonly WriteKind[];
  /** How many batches of the group may be on their way at a time. */
  readonly parallel: number;
  /**
   * After so many ms callers hear that their write failed, although it may yet be done: only for
   * kinds that may be repeated. @default none
   */
  readonly deadline?: number;
}

/**
 * What differs between the databases, and nothing else. `TypeOrmBackend` turns calls into batches
 * of writes; a dialect applies a batch.
 */
export interface Dialect {
  /** The database for messages, without a password: a path, or a host and a name. */
  readonly place: string;
  /** What to do when it cannot be opened, as a sentence. */
  readonly remedy: string;

  readonly schema: SchemaTraits;
  /** `each` migration has a transaction of its own, or `none` has because the lock is one. */
  readonly migrationTransaction: 'each' | 'none';
  /** The time by which tasks start. */
  readonly clock: Clock;
  readonly waker: Waker | null;

  /**
   * Kinds of writes that share a batch; batches of different groups are applied side by side.
   * Every kind is in one group.
   */
  readonly groups: readonly CommitGroup[];

  /** Options of the DataSource that the backend opens for itself. */
  dataSourceOptions(): DataSourceOptions;

  /** Whatever must exist before the database is opened. */
  prepare(): Promise<void>;

  /** It is open: sets up each connection, also those to come. */
  prepareConnections?(dataSource: DataSource): Promise<void>;

  /** Runs `work` while no other process can change the schema. */
  withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void>;

  /** The schema is there: compile statements. */
  attach(dataSource: DataSource): Promise<void> | void;

  /**
   * Applies every write in the order of {@link WriteBatch} and sets the outcome or the error of
   * each. Throws when nothing is known of those that have neither; the same batch may then be
   * given again.
   */
  commit(batch: WriteBatch): Promise<void> | void;

  /** What is written in transactions of the application, beside any batch. */
  readonly joined: JoinedWrites;
  /** Tasks were committed in such a transaction. */
  joinedEnqueue(tasks: readonly NewTask[]): void;
  /** A run of this process ended in one. */
  joinedEnd(taskId: string, lease: number): void;

  findTask(taskId: string): Promise<StoredTask | null>;
  /** Of those that exist, in any order. */
  findResults(taskIds: readonly string[]): Promise<StoredResult[]>;
  findLog(taskId: string): Promise<LogLine[] | null>;
  findCancelRequests(workerId: string): Promise<string[]>;
  /** Past or ahead: the worker that asks may have looked for tasks a moment before. */
  findNextEta(request: ReserveRequest): Promise<number | null>;
  /** The ids of what a claim would hand out, in order. Holds up no claim. */
  peek(request: ReserveRequest): Promise<string[]>;
  count(): Promise<TaskCounts>;
  /** Oldest first. */
  listWorkers(): Promise<StoredWorker[]>;

  /** How a thread extends a registration; null where it cannot reach the database. */
  threadBeat(): ThreadBeat | null;

  /**
   * Called before anything is read, or written in a transaction of the application.
   *
   * @throws BackendError when the database must not be used now, such as a file that was removed.
   */
  check?(): void;

  /** Called before the DataSource is closed. */
  release?(): void;

  /** Closes connections at once that are still open when the DataSource has been closed. */
  abandon?(): void;

  /** How long a batch that fails with this error is tried again, in ms; 0: not at all. */
  patienceFor(error: unknown): number;

  /** The statement names a table that does not exist. */
  isMissingTable(error: unknown): boolean;

  /** Wraps an error of the driver; `transient` where a later call may succeed. */
  toBackendError(error: unknown): BackendError;
}
