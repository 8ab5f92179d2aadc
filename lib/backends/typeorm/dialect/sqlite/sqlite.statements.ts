import type { ResultRow } from '../stored-result.js';
import type { Database } from 'better-sqlite3';
import type { WorkerRow } from '../../entities/worker.entity.js';
import type { TableNames } from '../../table-names.js';
import type { Registration } from '../worker-watch.js';
import { OWN_LINES, OWN_PROGRESS } from '../own-reports.js';

/** Rows per multi-row INSERT: fewer calls into the driver, and its text stays short. */
export const ROWS_PER_INSERT = 25;

/** Lines kept per task. */
const MAX_LOG_LINES = 1000;

const INSERT = `INSERT INTO {task}
  (id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta, created_at) VALUES `;
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
const ON_CONFLICT = ' ON CONFLICT (id) DO NOTHING';

const RESERVED = `id, name, queue, payload, priority, eta, max_attempts AS maxAttempts, timeout, backoff,
  meta, created_at AS createdAt, attempt, lease`;

const HELD = `id = ? AND lease = ? AND status = 'running'`;

/** Lets a registration hold for a lease from an instant on. */
export const EXTEND = 'UPDATE {worker} SET expires_at = ? + lease WHERE id = ?';

/** Columns of a claimable task in the order in which a claim walks them. */
const LANE = `status = 'queued' AND queue = ? AND name = ? AND priority = ?`;

/** Tasks that wait for the very instant at which they were enqueued, which is ahead of the clock. */
const EARLY = `status = 'queued' AND eta > ? AND eta = created_at`;

/** The number that follows, also upon what is none or has none after it. */
function nextOf(column: string): string {
  return `min(CAST(${column} AS INTEGER), ${Number.MAX_SAFE_INTEGER - 1}) + 1`;
}

/** The numbers of a JSON array. */
const LISTED = '(SELECT value FROM json_each(?))';

/** A prepared statement with the types of its parameters and of its rows. */
export interface SqliteStatement<P extends unknown[], R> {
  run(...parameters: P): { changes: number };
  get(...parameters: P): R | undefined;
  all(...parameters: P): R[];
  /** Rows become their first column. */
  pluck(): this;
  /** Rows become arrays. */
  raw(): this;
}

/** Waiting tasks of one queue, handler and priority, and the one that comes first. */
export type Lane = [queue: string, name: string, priority: number, eta: number, seq: number];

/** What ties a report to its task. */
type ReportingTask = [seq: number, id: string, createdAt: number];

/** A claimable task as its columns: making an object of fourteen names costs more than reading it. */
export type ReadyRow = [
  seq: number,
  id: string,
  payload: string,
  eta: number,
  maxAttempts: number | null,
  timeout: number | null,
  backoff: string | null,
  meta: string | null,
  createdAt: number,
  attempt: number,
  lease: number,
];

/**
 * Every statement of the SQLite dialect, prepared once: constant texts, none collected while the
 * connection lives.
 */
export function prepareStatements(db: Database, names: TableNames) {
  const sql = <P extends unknown[], R = unknown>(text: string) =>
    db.prepare(names.in(text)) as unknown as SqliteStatement<P, R>;
  return {
    begin: sql<[]>('BEGIN IMMEDIATE'),
    commit: sql<[]>('COMMIT'),
    rollback: sql<[]>('ROLLBACK'),
    savepoint: sql<[]>('SAVEPOINT tasks'),
    release: sql<[]>('RELEASE tasks'),
    rollbackTo: sql<[]>('ROLLBACK TO tasks'),

    insertOne: sql(INSERT + ROW + ON_CONFLICT),
    insertMany: sql(INSERT + Array(ROWS_PER_INSERT).fill(ROW).join(', ') + ON_CONFLICT),
    same: sql<[string, string, string], number>(
      'SELECT 1 FROM {task} WHERE id = ? AND name = ? AND payload = ?',
    ).pluck(),

    /** Changes when another connection has written. */
    dataVersion: sql<[], number>('PRAGMA data_version').pluck(),

    nextLane: sql<[string, string, number], Lane>(
      `SELECT queue, name, priority, eta, seq FROM {task}
       WHERE status = 'queued' AND (queue, name, priority) >= (?, ?, ?)
       ORDER BY queue, name, priority, eta, seq LIMIT 1`,
    ).raw(),
    ready: sql<[string, string, number, number, number], [eta: number, seq: number]>(
      `SELECT eta, seq FROM {task} WHERE ${LANE} AND eta <= ? ORDER BY eta, seq LIMIT ?`,
    ).raw(),
    rows: sql<[string], ReadyRow>(
      `SELECT seq, id, payload, eta, max_attempts, timeout, backoff, meta, created_at,
         ${nextOf('attempt')}, ${nextOf('lease')} FROM {task} WHERE seq IN ${LISTED}`,
    ).raw(),
    ids: sql<[string], [seq: number, id: string]>(
      `SELECT seq, id FROM {task} WHERE seq IN ${LISTED}`,
    ).raw(),
    claim: sql<[string, number, number, string]>(
      `UPDATE {task} SET status = 'running', attempt = ${nextOf('attempt')},
         lease = ${nextOf('lease')}, worker_id = ?, started_at = ?, finished_at = NULL,
         max_attempts = coalesce(max_attempts, ?)
       WHERE seq IN ${LISTED}`,
    ),

    complete: sql<[string | null, number, string, number]>(
      `UPDATE {task} SET status = 'completed', result = ?, error = NULL, finished_at = ? WHERE ${HELD}`,
    ),
    fail: sql<[string, number, string, number]>(
      `UPDATE {task} SET status = 'failed', error = ?, finished_at = ? WHERE ${HELD}`,
    ),
    endCancelled: sql<[string | null, number, string, number]>(
      `UPDATE {task} SET status = 'cancelled', error = ?, finished_at = ? WHERE ${HELD}`,
    ),
    // A cancel that the handler did not live to see still holds.
    requeue: sql<[number, number, number | null, string | null, string, number]>(
      `UPDATE {task} SET
         status = CASE WHEN cancel_requested_at IS NULL THEN 'queued' ELSE 'cancelled' END,
         finished_at = CASE WHEN cancel_requested_at IS NULL THEN NULL ELSE ? END,
         attempt = attempt - ?, eta = coalesce(?, eta), error = coalesce(?, error), worker_id = NULL
       WHERE ${HELD}`,
    ),
    reschedule: sql<[number | null, string | null, string]>(
      `UPDATE {task} SET eta = coalesce(?, eta), error = coalesce(?, error) WHERE id = ? AND status = 'queued'`,
    ),
    cancelWaiting: sql<[number, string]>(
      `UPDATE {task} SET status = 'cancelled', finished_at = ?
       WHERE id = ? AND status IN ('queued', 'blocked')`,
    ),
    requestCancel: sql<[number, string]>(
      `UPDATE {task} SET cancel_requested_at = coalesce(cancel_requested_at, ?)
       WHERE id = ? AND status = 'running'`,
    ),
    status: sql<[string], string>('SELECT status FROM {task} WHERE id = ?').pluck(),

    holder: sql<[string, number], string>(`SELECT worker_id FROM {task} WHERE ${HELD}`).pluck(),

    // A run that has completed its task in a transaction of its handler may go on to report.
    reporting: sql<[string, number], ReportingTask>(
      `SELECT seq, id, created_at FROM {task}
       WHERE id = ? AND lease = ? AND status IN ('running', 'completed')`,
    ).raw(),
    setProgress: sql<[...ReportingTask, string]>(
      `INSERT INTO {progress} (task_seq, task_id, task_created_at, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (task_seq) DO UPDATE SET task_id = excluded.task_id,
         task_created_at = excluded.task_created_at, value = excluded.value`,
    ),
    addLine: sql<[...ReportingTask, number, number, string]>(
      `INSERT INTO {log} (task_seq, task_id, task_created_at, attempt, at, line)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    dropOldLines: sql<[number, string, number, string]>(
      `DELETE FROM {log} WHERE task_seq = ? AND task_id = ? AND seq <= (
         SELECT seq FROM {log} WHERE task_seq = ? AND task_id = ?
         ORDER BY seq DESC LIMIT 1 OFFSET ${MAX_LOG_LINES})`,
    ),

    register: sql(
      `INSERT OR REPLACE INTO {worker}
         (id, host, pid, process_identity, version, queues, handlers, limits, concurrency,
          lease, expires_at, in_flight, stuck, lingering, loop_lag, started_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    renew: sql<[number, number, number, number, string, number | null, string]>(
      `UPDATE {worker} SET lease = ?, expires_at = ?, in_flight = ?, stuck = ?, lingering = ?,
         loop_lag = ? WHERE id = ?`,
    ),
    extend: sql<[number, string]>(EXTEND),
    workerExpiry: sql<[string], number>('SELECT expires_at FROM {worker} WHERE id = ?').pluck(),
    workers: sql<[], Registration>(
      `SELECT id, host, pid, process_identity AS identity, lease, expires_at AS expiresAt FROM {worker}`,
    ),
    listWorkers: sql<[], WorkerRow & { running: string }>(
      `SELECT w.*, (
           SELECT json_group_object(name, tasks) FROM (
             SELECT name, count(*) AS tasks FROM {task}
             WHERE status = 'running' AND worker_id = w.id GROUP BY name)
         ) AS running
       FROM {worker} w ORDER BY w.started_at, w.id`,
    ),
    orphan: sql<[]>(
      `SELECT 1 FROM {task} WHERE status = 'running'
         AND NOT EXISTS (SELECT 1 FROM {worker} WHERE id = worker_id) LIMIT 1`,
    ),
    retire: sql<[string]>('DELETE FROM {worker} WHERE id = ?'),
    running: sql<
      [],
      {
        seq: number;
        id: string;
        name: string;
        workerId: string;
        attempt: number;
        maxAttempts: number;
        cancelRequestedAt: number | null;
        error: string | null;
      }
    >(
      `SELECT seq, id, name, worker_id AS workerId, attempt, max_attempts AS maxAttempts,
         cancel_requested_at AS cancelRequestedAt, error
       FROM {task} WHERE status = 'running' ORDER BY worker_id`,
    ),
    rescue: sql<[string, number | null, string | null, number]>(
      `UPDATE {task} SET status = ?, finished_at = ?, error = coalesce(?, error), worker_id = NULL WHERE seq = ?`,
    ),

    /** Tasks that wait for the very instant at which they were enqueued. */
    early: sql<[number], number>(`SELECT 1 FROM {task} WHERE ${EARLY} LIMIT 1`).pluck(),
    bringForward: sql<[number, number, number]>(
      `UPDATE {task} SET eta = ? WHERE seq IN (SELECT seq FROM {task} WHERE ${EARLY}
         ORDER BY queue, name, priority, eta, seq LIMIT ?)`,
    ),

    ended: sql<[string, number, number], number>(
      `SELECT seq FROM {task}
       WHERE finished_at IS NOT NULL AND status = ? AND finished_at < ? ORDER BY finished_at LIMIT ?`,
    ).pluck(),
    removeTasks: sql<[string]>(`DELETE FROM {task} WHERE seq IN ${LISTED}`),
    removeLogs: sql<[string]>(`DELETE FROM {log} WHERE task_seq IN ${LISTED}`),
    removeProgress: sql<[string]>(`DELETE FROM {progress} WHERE task_seq IN ${LISTED}`),

    task: sql<[string]>(
      `SELECT ${RESERVED}, status, worker_id AS workerId, cancel_requested_at AS cancelRequestedAt,
         started_at AS startedAt, finished_at AS finishedAt,
         (SELECT value FROM {progress} WHERE ${OWN_PROGRESS}) AS progress
       FROM {task} WHERE id = ?`,
    ),
    results: sql<[string], ResultRow & { id: string }>(
      `SELECT id, status, result, error, created_at AS createdAt, finished_at AS finishedAt
       FROM {task} WHERE id IN ${LISTED}`,
    ),
    log: sql<[string]>(
      `SELECT l.at, l.attempt, l.line FROM {task} t JOIN {log} l ON ${OWN_LINES}
       WHERE t.id = ? ORDER BY l.seq`,
    ),
    cancelRequests: sql<[string], string>(
      `SELECT id FROM {task}
       WHERE status = 'running' AND worker_id = ? AND cancel_requested_at IS NOT NULL`,
    ).pluck(),
    countByStatus: sql<[], { status: string; n: number }>(
      `SELECT status, count(*) AS n FROM {task} WHERE finished_at IS NOT NULL
         AND status IN ('completed', 'failed', 'cancelled') GROUP BY status
       UNION ALL SELECT 'queued', count(*) FROM {task} WHERE status = 'queued'
       UNION ALL SELECT 'running', count(*) FROM {task} WHERE status = 'running'`,
    ),
    countScheduled: sql<[number], number>(
      `SELECT count(*) FROM {task} WHERE status = 'queued' AND eta > ?`,
    ).pluck(),
    countStuck: sql<[number], number>(
      'SELECT coalesce(sum(stuck), 0) FROM {worker} WHERE expires_at > ?',
    ).pluck(),
  };
}

export type SqliteStatements = ReturnType<typeof prepareStatements>;
