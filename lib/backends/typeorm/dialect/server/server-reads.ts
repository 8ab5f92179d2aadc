import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { StoredResult } from '../../../../core/result.js';
import type { StoredTask } from '../../../../core/task.js';
import type {
  Changes,
  ClaimedTask,
  ClaimOrder,
  LaneHead,
  StoredOutcome,
} from './server-database.js';
import type { Muster } from '../worker-watch.js';

/** What a database server is asked without changing anything: each by one statement, no locks. */
export interface ServerReads {
  /** The server's time. */
  now(): Promise<number>;

  /** Every lane with its head, the server's time, and how long it took there, in ms. */
  survey(): Promise<{ now: number; heads: LaneHead[]; took: number }>;
  /** Cheap enough to be asked again and again, where nobody wakes us. */
  countChanges?(since: number): Promise<Changes>;
  /**
   * The ids of what a claim of this order would take, best first: by the same statement as far as
   * it chooses tasks.
   */
  peek(order: Omit<ClaimOrder, 'workerId'>): Promise<string[]>;
  findOutcomes(ids: readonly string[]): Promise<StoredOutcome[]>;
  /** The tasks that run on this worker. */
  findHeld(workerId: string): Promise<ClaimedTask[]>;
  findWorkers(): Promise<Muster>;
  /** Whether a task runs on a worker that is not registered; how long the look took there, in ms. */
  findOrphan(): Promise<{ found: boolean; took: number }>;

  findTask(taskId: string): Promise<StoredTask | null>;
  findResults(taskIds: readonly string[]): Promise<StoredResult[]>;
  findLog(taskId: string): Promise<LogLine[] | null>;
  /** Which of these tasks, that run on this worker, somebody wants cancelled. */
  findCancelRequests(workerId: string, ids: readonly string[]): Promise<string[]>;
  count(): Promise<TaskCounts>;
  /**
   * Every registered worker, oldest first, with the tasks that it runs. What makes a row and its
   * tasks a worker is `storedWorker`.
   */
  listWorkers(): Promise<StoredWorker[]>;
}
