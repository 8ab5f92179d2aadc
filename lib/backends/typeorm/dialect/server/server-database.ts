import type { DataSource, DataSourceOptions } from 'typeorm';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type {
  RescuedTask,
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';
import type { ThreadBeat } from '../../../../core/capabilities/thread-beating-backend.js';
import type { NewTask, ReservedTask, TaskStatus } from '../../../../core/task.js';
import type { BackendError } from '../../../../errors/backend.error.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { Waker } from '../../waker.js';
import type { JoinedWrites } from '../joined-writes.js';
import type { Registration } from '../worker-watch.js';
import type { ServerReads } from './server-reads.js';

/** A place in the order of a lane. */
export interface Place {
  readonly eta: number;
  readonly seq: number;
}

/** Waiting tasks of one queue, handler and priority, and the one that comes first. */
export interface LaneHead extends Place {
  readonly queue: string;
  readonly name: string;
  readonly priority: number;
}

/** What ends a run. */
export interface Settlement {
  readonly id: string;
  readonly lease: number;
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly result: string | null;
  readonly error: string | null;
}

/** Which settlements ended a run, by their keys (`keyOf`); null when all did. */
export type Ended = readonly string[] | null;

/** What is stored of how a run ended. */
export type StoredOutcome = Omit<Settlement, 'status'> & { readonly status: TaskStatus };

/** A task that was taken back. */
export interface Requeued extends LaneHead {
  readonly id: string;
  readonly status: TaskStatus;
}

/** What takes a running task back to its queue. */
export interface Requeue {
  readonly id: string;
  readonly lease: number;
  readonly giveBack: boolean;
  readonly eta: number | null;
  readonly error: string | null;
}

/** What a running task reported. */
export interface TaskReport {
  readonly id: string;
  readonly lease: number;
  readonly progress: string | null;
  readonly lines: readonly LogLine[];
}

/** A lane to claim from. */
export interface LaneOrder {
  readonly queue: string;
  readonly name: string;
  readonly priority: number;
  readonly from: Place;
  /** Attempts of a task that brought no limit of its own. */
  readonly maxAttempts: number;
  /** Most tasks that its handler can take. */
  readonly room: number;
}

/** What a worker wants: at most `most` tasks, best first. */
export interface ClaimOrder {
  readonly workerId: string;
  readonly most: number;
  readonly lanes: readonly LaneOrder[];
}

export type ClaimedTask = ReservedTask & Place;

/** What has happened since an instant. */
export interface Changes {
  /** Tasks that have ended. */
  readonly ended: number;
  /** Running tasks that somebody wants cancelled. */
  readonly cancels: number;
}

/**
 * What a database server is asked to do, a set at a time. Each method is one transaction, and
 * compares times with the server's clock.
 */
export interface ServerDatabase {
  readonly place: string;
  readonly remedy: string;
  readonly schema: SchemaTraits;
  /** Null where the database can wake nobody: then whoever waits looks. */
  readonly waker: Waker | null;
  readonly joined: JoinedWrites;
  readonly reads: ServerReads;

  dataSourceOptions(): DataSourceOptions;
  withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void>;

  /** Sets up each connection, also those to come. */
  prepareConnections?(dataSource: DataSource): Promise<void>;
  attach(dataSource: DataSource): Promise<void>;

  /**
   * Stores tasks. An id that is stored already with the same name and payload changes nothing.
   *
   * @param together all or none, else those that can be.
   * @returns which ones have the id of another task.
   */
  insert(tasks: readonly NewTask[], together: boolean): Promise<number[]>;

  /** Ends runs whose lease is the current one. */
  settle(settlements: readonly Settlement[]): Promise<Ended>;

  /** Settles first, if there is anything, then claims, in one transaction. */
  claim(
    order: ClaimOrder,
    settlements: readonly Settlement[],
  ): Promise<{ ended: Ended; tasks: ClaimedTask[] }>;

  /** Takes running tasks back. Resolves to those that had the current lease. */
  requeue(requeues: readonly Requeue[]): Promise<Requeued[]>;
  /** Changes a waiting task. Null when it does not wait. */
  reschedule(id: string, eta: number | null, error: string | null): Promise<LaneHead | null>;
  cancelWaiting(id: string): Promise<boolean>;
  /** Cancels what waits and marks what runs. Resolves to the states afterwards. */
  cancel(ids: readonly string[]): Promise<ReadonlyMap<string, TaskStatus>>;

  /** Resolves to the keys of those whose lease is the current one. */
  report(reports: readonly TaskReport[]): Promise<ReadonlySet<string>>;

  register(worker: WorkerRegistration, beat: WorkerBeat): Promise<void>;
  renew(workerId: string, beat: WorkerBeat): Promise<boolean>;
  /** Lets an expired registration hold again. False when there is none. */
  extend(workerId: string): Promise<boolean>;
  retire(workerId: string): Promise<void>;
  /**
   * Takes over the tasks of these workers, and of those that are not registered.
   *
   * @param silent if they still are: a sign of life may have come since.
   */
  rescue(
    gone: readonly string[],
    silent: readonly Registration[],
  ): Promise<(RescuedTask & LaneHead)[]>;
  /**
   * Lets tasks start that wait for the very instant at which they were enqueued, since the clock
   * has gone back; not all of them when they are very many. Resolves to how many.
   */
  bringForward(): Promise<number>;
  prune(status: TaskStatus, endedBefore: number, most: number): Promise<number>;

  /** How a thread extends a registration; null where it cannot connect as we do. */
  threadBeat(): ThreadBeat | null;

  /** Closes what is left of the connections at once, where a goodbye would never be answered. */
  abandon?(): void;

  /** The connection was lost, or could not be made: whether the statement was done is unknown. */
  isOutage(error: unknown): boolean;
  /** Nothing was done because of others who were at work on the same rows. */
  isConflict(error: unknown): boolean;
  /** What was written cannot be stored, whoever tries. */
  isMistake(error: unknown): boolean;
  isMissingTable(error: unknown): boolean;
  toBackendError(error: unknown): BackendError;
}
