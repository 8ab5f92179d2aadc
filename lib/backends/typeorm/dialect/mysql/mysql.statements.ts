import type { TableNames } from '../../table-names.js';
import { OWN_LINES, OWN_PROGRESS } from '../own-reports.js';
import { WORKER_COLUMNS } from '../server/worker-values.js';
import { TASK_COLUMN_LIST } from '../task-row.js';

/** Lines kept per task. */
const MAX_LOG_LINES = 1000;

/**
 * The server's time in ms. One instant per statement, and the same in every time zone:
 * UNIX_TIMESTAMP(NOW(3)) gives the hour that a time zone repeats in autumn twice.
 */
export const NOW = `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`;

/** How long the statement has taken so far, in ms. */
const TOOK = `TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) DIV 1000`;

/** The largest attempt and lease, which no claim exceeds. */
export const LARGEST = 2_147_483_647;

/** For rows whose `seq` is in a list in rising order: what stands at the same place of another. */
const OF_EACH = 'ELT(INTERVAL(seq, ?), ?)';

const LANE = `status = 'queued' AND queue = ? AND name = ? AND priority = ? AND eta >= ? AND eta <= ${NOW}
  ORDER BY eta, seq LIMIT ?`;

const TASK = `seq, id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta,
  created_at, attempt, lease`;

/** Rows of a list of numbers. A DELETE with IN (...) would read, and lock, a whole small table. */
const LISTED = `JSON_TABLE(?, '$[*]' COLUMNS (seq BIGINT PATH '$')) listed`;

/**
 * Every statement of the MySQL dialect. Each names its index: where statistics are old or a table
 * is small the server would rather read everything, and wait for rows that others have locked.
 */
export function mysqlStatements(names: TableNames) {
  const index = (name: string) => `FORCE INDEX (\`${names.plain(name)}\`)`;
  const byPlace = `{task} FORCE INDEX (PRIMARY)`;
  const byId = `{task} ${index('task_id')}`;
  /** What waits, in order; what runs. */
  const byState = `{task} ${index('task_ready')}`;
  const byEnd = `{task} ${index('task_finished')}`;
  /** Without a subquery that the planner could turn into a join, and lock. */
  const registered = `(SELECT w.expires_at FROM {worker} w WHERE w.id = ?) > ${NOW}`;

  const statements = {
    now: `SELECT ${NOW}`,

    insert: `INSERT INTO {task} (${TASK_COLUMN_LIST}) VALUES ?`,
    /** What is stored under these ids. */
    stored: `SELECT id, name, payload FROM ${byId} WHERE id IN (?)`,

    /** Locks the tasks of these ids that run. */
    lockRunning: `SELECT seq, id, lease, cancel_requested_at, queue, name, priority, eta
      FROM ${byId} WHERE id IN (?) AND status = 'running' FOR UPDATE`,
    /** Status, result and error of each. */
    settle: `UPDATE ${byPlace} SET status = ${OF_EACH}, result = ${OF_EACH}, error = ${OF_EACH},
      finished_at = ${NOW} WHERE seq IN (?)`,
    /** Attempts that do not count, eta and error of each. A cancel that was not seen still holds. */
    requeue: `UPDATE ${byPlace} SET
        status = IF(cancel_requested_at IS NULL, 'queued', 'cancelled'),
        finished_at = IF(cancel_requested_at IS NULL, NULL, ${NOW}),
        attempt = attempt - ${OF_EACH}, eta = COALESCE(${OF_EACH}, eta),
        error = COALESCE(${OF_EACH}, error), worker_id = NULL
      WHERE seq IN (?)`,
    reschedule: `UPDATE ${byId} SET eta = COALESCE(?, eta), error = COALESCE(?, error)
      WHERE id = ? AND status = 'queued'`,
    head: `SELECT queue, name, priority, eta, seq FROM ${byId} WHERE id = ?`,
    cancelWaiting: `UPDATE ${byId} SET status = 'cancelled', finished_at = ${NOW}
      WHERE id = ? AND status IN ('queued', 'blocked')`,
    lock: `SELECT seq, id, status FROM ${byId} WHERE id IN (?) FOR UPDATE`,
    cancel: `UPDATE ${byPlace} SET
        cancel_requested_at = IF(status = 'running', COALESCE(cancel_requested_at, ${NOW}), NULL),
        finished_at = IF(status = 'running', NULL, ${NOW}),
        status = IF(status = 'running', status, 'cancelled')
      WHERE seq IN (?)`,

    /** The next tasks of a lane, stepping over what others are taking. */
    take: `SELECT ${TASK} FROM ${byState} WHERE ${registered} AND ${LANE} FOR UPDATE SKIP LOCKED`,
    /** Worker, then the attempts of each. */
    claim: `UPDATE ${byPlace} SET status = 'running', attempt = LEAST(attempt, ${LARGEST - 1}) + 1,
        lease = LEAST(lease, ${LARGEST - 1}) + 1, worker_id = ?, started_at = ${NOW},
        finished_at = NULL, max_attempts = COALESCE(max_attempts, ${OF_EACH})
      WHERE seq IN (?)`,
    /** How a lane goes on, without locks: numbers of lane, priority and handler; room of that. */
    ahead: `SELECT ? AS lane, ? AS priority, ? AS handler, ? AS room, eta, seq
      FROM ${byState} WHERE ${LANE}`,
    /** From several of these the next tasks, best first. */
    next: (lanes: string) => `SELECT lane, priority, eta, seq FROM (${lanes}) lanes
      ORDER BY priority DESC, eta, seq LIMIT ?`,
    /** The same where there is not room for all in each handler. */
    nextWithin: (lanes: string) => `SELECT lane, priority, eta, seq FROM (
        SELECT lanes.*,
          ROW_NUMBER() OVER (PARTITION BY handler ORDER BY priority DESC, eta, seq) AS nth
        FROM (${lanes}) lanes
      ) ahead WHERE nth <= room ORDER BY priority DESC, eta, seq LIMIT ?`,
    /** Their ids, in the same order. */
    ids: (next: string) => `SELECT t.id FROM (${next}) next
      STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY) ON t.seq = next.seq
      ORDER BY next.priority DESC, next.eta, next.seq`,
    holding: `SELECT ${TASK} FROM ${byState} WHERE status = 'running' AND worker_id = ?`,
    outcomes: `SELECT id, lease, status, result, error FROM ${byId} WHERE id IN (?)`,

    /**
     * Every lane with its head, then time and duration. Grouped by all that the index begins with,
     * so that each lane costs one seek.
     */
    survey: `(SELECT queue, name, priority, MIN(eta), 0 FROM ${byState} WHERE status = 'queued'
        GROUP BY status, queue, name, priority ORDER BY NULL)
      UNION ALL SELECT NULL, NULL, NULL, ${NOW}, ${TOOK}`,

    /** How many tasks have ended, and how many cancels were requested, since an instant. */
    changes: `SELECT (SELECT COUNT(*) FROM ${byEnd}
        WHERE status IN ('completed', 'failed', 'cancelled') AND finished_at > ?),
      (SELECT COUNT(*) FROM {task} ${index('task_cancel')} WHERE cancel_requested_at > ?)`,

    /** Tasks whose runs tell something. One that completed its task itself may go on to report. */
    reporting: `SELECT seq, id, lease, created_at FROM ${byId}
      WHERE id IN (?) AND status IN ('running', 'completed')`,
    keepProgress: `REPLACE INTO {progress} (task_seq, task_id, task_created_at, value) VALUES ?`,
    keepLines: `INSERT INTO {log} (task_seq, task_id, task_created_at, attempt, at, line) VALUES ?`,
    dropOldLines: `DELETE FROM {log} WHERE task_seq = ? AND task_id = ? AND seq <= (SELECT seq FROM (
        SELECT seq FROM {log} WHERE task_seq = ? AND task_id = ?
        ORDER BY seq DESC LIMIT 1 OFFSET ${MAX_LOG_LINES}) o)`,

    register: `REPLACE INTO {worker} (${WORKER_COLUMNS}, expires_at, started_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${NOW} + lease, ${NOW})`,
    renew: `UPDATE {worker} SET lease = ?, expires_at = ${NOW} + lease, in_flight = ?, stuck = ?,
      lingering = ?, loop_lag = ? WHERE id = ?`,
    /** A registration that ran out unnoticed. */
    extend: `UPDATE {worker} SET expires_at = ${NOW} + lease WHERE id = ?`,
    workers: `SELECT id, host, pid, process_identity, lease, expires_at, ${NOW} FROM {worker}`,
    /** In whole seconds. Everybody may ask for it so, on MySQL and MariaDB. */
    uptime: `SHOW GLOBAL STATUS LIKE 'Uptime'`,
    orphan: `SELECT EXISTS (SELECT 1 FROM ${byState} WHERE status = 'running' AND NOT EXISTS (
        SELECT 1 FROM {worker} w WHERE w.id = worker_id)), ${TOOK}`,
    retire: `DELETE FROM {worker} WHERE id = ?`,

    /** Of these workers those whose process is gone, or whose registration is still as given. */
    lockLost: `SELECT id FROM {worker} FORCE INDEX (PRIMARY)
      WHERE id IN (?) AND (id IN (?) OR (id, expires_at) IN (?)) FOR UPDATE SKIP LOCKED`,
    /** Tasks that run on these workers or on none that is registered; some of them, no locks. */
    abandoned: `SELECT seq, lease FROM ${byState} WHERE status = 'running' AND (worker_id IN (?)
      OR NOT EXISTS (SELECT 1 FROM {worker} w WHERE w.id = worker_id)) LIMIT 500`,
    lockAbandoned: `SELECT seq, lease, id, name, worker_id, attempt, max_attempts,
        cancel_requested_at, queue, priority, eta, error FROM ${byPlace}
      WHERE seq IN (?) AND status = 'running' FOR UPDATE SKIP LOCKED`,
    rescue: `UPDATE ${byPlace} SET
        status = IF(cancel_requested_at IS NOT NULL, 'cancelled',
          IF(attempt < max_attempts, 'queued', 'failed')),
        finished_at = IF(cancel_requested_at IS NULL AND attempt < max_attempts, NULL, ${NOW}),
        error = ${OF_EACH}, worker_id = NULL
      WHERE seq IN (?)`,
    /** Without locks: where they stand is for the update to say. */
    early: `SELECT seq FROM ${byState} WHERE status = 'queued' AND eta > ${NOW} AND eta = created_at
      ORDER BY queue, name, priority, eta, seq LIMIT ?`,
    bringForward: `UPDATE ${byPlace} SET eta = ${NOW}
      WHERE seq IN (?) AND status = 'queued' AND eta = created_at`,
    dropWorkers: `DELETE FROM {worker} WHERE id IN (?)`,

    ended: `SELECT seq FROM ${byEnd} WHERE status = ? AND finished_at < ?
      ORDER BY finished_at LIMIT ? FOR UPDATE SKIP LOCKED`,
    dropLines: `DELETE l FROM ${LISTED} STRAIGHT_JOIN {log} l ${index('log_task')}
      ON l.task_seq = listed.seq`,
    dropProgress: `DELETE p FROM ${LISTED} STRAIGHT_JOIN {progress} p FORCE INDEX (PRIMARY)
      ON p.task_seq = listed.seq`,
    dropTasks: `DELETE t FROM ${LISTED} STRAIGHT_JOIN {task} t FORCE INDEX (PRIMARY)
      ON t.seq = listed.seq`,

    task: `SELECT ${TASK}, status, worker_id, cancel_requested_at, started_at, finished_at,
        (SELECT value FROM {progress} WHERE ${OWN_PROGRESS}) FROM ${byId} WHERE id = ?`,
    results: `SELECT id, status, result, error, created_at, finished_at FROM ${byId} WHERE id IN (?)`,
    log: `SELECT l.at, l.attempt, l.line FROM {task} t ${index('task_id')}
      LEFT JOIN {log} l ${index('log_task')} ON ${OWN_LINES} WHERE t.id = ? ORDER BY l.seq`,
    cancelRequests: `SELECT id FROM ${byId}
      WHERE id IN (?) AND status = 'running' AND worker_id = ? AND cancel_requested_at IS NOT NULL`,
    /** The time, and what each runs as JSON: by a subquery, which reads the index of what runs. */
    listWorkers: `SELECT ${NOW}, (
        SELECT CAST(JSON_OBJECTAGG(r.name, r.tasks) AS CHAR) FROM (
          SELECT worker_id, name, COUNT(*) AS tasks FROM ${byState} WHERE status = 'running'
          GROUP BY worker_id, name
        ) r WHERE r.worker_id = w.id
      ), w.id, w.host, w.pid, w.version, w.queues, w.handlers, w.limits, w.concurrency, w.stuck,
        w.lingering, w.loop_lag, w.lease, w.expires_at, w.started_at
      FROM {worker} w ORDER BY w.started_at, w.id`,
    counts: `SELECT status, COUNT(*) FROM ${byEnd} GROUP BY status
      UNION ALL SELECT 'scheduled', COUNT(*) FROM ${byState} WHERE status = 'queued' AND eta > ${NOW}
      UNION ALL SELECT 'stuck', CAST(COALESCE(SUM(stuck), 0) AS SIGNED) FROM {worker}
        WHERE expires_at > ${NOW}`,
  };
  return withNames(names, statements);
}

/** The statements with the real names of the tables. */
function withNames<T extends Record<string, string | ((inner: string) => string)>>(
  names: TableNames,
  statements: T,
): T {
  const named = Object.entries(statements).map(([name, text]) => [
    name,
    typeof text === 'string' ? names.in(text) : (inner: string) => names.in(text(inner)),
  ]);
  return Object.fromEntries(named) as T;
}

export type MysqlStatements = ReturnType<typeof mysqlStatements>;
