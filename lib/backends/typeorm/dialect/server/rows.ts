import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type { StoredResult } from '../../../../core/result.js';
import type { ReservedTask, StoredTask, TaskStatus } from '../../../../core/task.js';
import { storedResult } from '../stored-result.js';
import type { Registration } from '../worker-watch.js';
import type { ClaimedTask, LaneHead, StoredOutcome } from './server-database.js';

/** The columns of a row, in the order in which the statements name them. */
export type Row = unknown[];

/** What a claim gives back, from column `at` on: seq, then {@link toReservedTask}. */
export function toClaimedTask(row: Row, at = 0): ClaimedTask {
  return Object.assign(toReservedTask(row, at + 1), { seq: row[at] as number });
}

function toReservedTask(row: Row, at: number): ReservedTask {
  return {
    id: row[at] as string,
    name: row[at + 1] as string,
    queue: row[at + 2] as string,
    payload: row[at + 3] as string,
    priority: row[at + 4] as number,
    eta: row[at + 5] as number,
    maxAttempts: row[at + 6] as number | null,
    timeout: row[at + 7] as number | null,
    backoff: row[at + 8] as string | null,
    meta: row[at + 9] as string | null,
    createdAt: row[at + 10] as number,
    attempt: row[at + 11] as number,
    lease: row[at + 12] as number,
  };
}

/** id, host, process id and identity, lease, until when it holds. */
export function toRegistration(row: Row): Registration {
  const [id, host, pid, identity] = row as [string, string, number, string | null];
  return { id, host, pid, identity, lease: Number(row[4]), expiresAt: Number(row[5]) };
}

/** What a claim gives back, then the state of the task. */
export function toStoredTask(row: Row): StoredTask {
  return {
    ...toReservedTask(row, 1),
    status: row[14] as TaskStatus,
    workerId: row[15] as string | null,
    cancelRequestedAt: row[16] as number | null,
    startedAt: row[17] as number | null,
    finishedAt: row[18] as number | null,
    progress: row[19] as string | null,
  };
}

/** Queue, name, priority, eta, seq. */
export function toHead(row: Row): LaneHead {
  const [queue, name, priority, eta, seq] = row as [string, string, number, number, number];
  return { queue, name, priority, eta, seq };
}

/** Id, lease, status, result, error. */
export function toOutcome(row: Row): StoredOutcome {
  const [id, lease, status, result, error] = row;
  return { id, lease, status, result, error } as StoredOutcome;
}

/** Status, result, error, when it was created and when it ended. */
export function toResult(taskId: string, row: Row): StoredResult {
  type Columns = [TaskStatus, string | null, string | null, number, number | null];
  const [status, result, error, createdAt, finishedAt] = row as Columns;
  return storedResult(taskId, { status, result, error, createdAt, finishedAt });
}

/** Time, attempt and text of each line; one row without a time for a task that has none. */
export function toLogLines(rows: Row[]): LogLine[] {
  return (rows as [number | null, number, string][]).flatMap(([at, attempt, line]) =>
    at === null ? [] : [{ at, attempt, line }],
  );
}

/** State and number of each. */
export function toCounts(rows: Row[]): TaskCounts {
  const counts = {
    queued: 0,
    scheduled: 0,
    running: 0,
    stuck: 0,
    blocked: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  };
  for (const [state, count] of rows as [keyof TaskCounts, number][]) {
    if (state in counts) counts[state] = count;
  }
  return counts;
}
