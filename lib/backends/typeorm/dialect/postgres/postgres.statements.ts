import type { TableNames } from '../../table-names.js';
import { OWN_LINES, OWN_PROGRESS } from '../own-reports.js';
import { WORKER_COLUMNS } from '../server/worker-values.js';
import { TASK_COLUMN_LIST } from '../task-row.js';
import { INSERT } from './postgres.insert.js';

/** Lines kept per task. */
const MAX_LOG_LINES = 1000;

/** The server's time in ms. One instant per statement. */
export const NOW = `(extract(epoch FROM statement_timestamp()) * 1000)::bigint`;

/** When the server was started. */
const STARTED = `(extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint`;

/** How long the statement has taken so far, in ms. */
const TOOK = `extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000`;

/** What the index of running tasks is about, word for word. */
const RUNNING = `t.status = 'running' AND t.started_at IS NOT NULL AND t.finished_at IS NULL`;

/** What was set to run by hand after it had ended: found by the index of what has ended. */
const REVIVED = `t.finished_at IS NOT NULL AND t.status = 'running'`;

const LANE = `t.status = 'queued' AND t.queue = l.queue AND t.name = l.name AND t.priority = l.priority
  AND (t.eta, t.seq) >= (l.eta, l.seq) AND t.eta <= ${NOW}`;

const RESERVED = `t.seq, t.id, t.name, t.queue, t.payload, t.priority, t.eta, t.max_attempts, t.timeout,
  t.backoff, t.meta, t.created_at, t.attempt, t.lease`;

/**
 * The place of a running task with this id and lease. `OFFSET 0` makes it a lookup of its own for
 * each: once the statistics say that hardly anything runs, the planner would take a join that
 * compares every row with every other for the cheaper way.
 */
const HELD = `SELECT h.ctid AS at, h.seq, h.created_at FROM {task} h
  WHERE h.id = u.id AND h.lease = u.lease AND h.status = 'running' OFFSET 0`;
/** A run that has completed its task in a transaction of its handler may go on to report. */
const REPORTING = HELD.replace(`= 'running'`, `IN ('running', 'completed')`);

/**
 * What the error of a lost worker says of those before: as it stands there between its quotes.
 * Null for any other text, which need not even be JSON; a cast of that would end the statement.
 */
const LOST_BEFORE = `CASE WHEN strpos(t.error, '"SITQ_WORKER_LOST"') > 0 THEN substring(t.error FROM
    ${String.raw`E'"message": ?"((?:[^"\\\\[:cntrl:]]|\\\\["\\\\/bfnrt]|\\\\u[0-9a-f]{4})*)"'`}) END`;

/** $1..$5: id, lease, status, result, error of each. */
const SETTLED = `settled AS (
  UPDATE {task} t SET status = s.status, result = s.result, error = s.error, finished_at = ${NOW}
  FROM (
    SELECT u.*, h.at FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[])
      AS u(id, lease, status, result, error) CROSS JOIN LATERAL (${HELD}) h
  ) s WHERE t.ctid = s.at
  RETURNING t.lease || chr(10) || t.id AS key
)`;

/** Null when all of them ended a run, which is nearly always. */
const ENDED = `(SELECT CASE WHEN count(*) < cardinality($1::text[])
  THEN coalesce(json_agg(key), '[]')::text END FROM settled)`;

/**
 * From `at` on of each lane queue, name, priority, the place to begin at (eta, seq), attempts, and
 * room of its handler.
 */
function lanes(at: number): string {
  const $ = (offset: number) => `$${at + offset}`;
  return `SELECT l.* FROM unnest(${$(0)}::text[], ${$(1)}::text[], ${$(2)}::int[], ${$(3)}::bigint[],
    ${$(4)}::bigint[], ${$(5)}::int[], ${$(6)}::int[])
    WITH ORDINALITY AS l(queue, name, priority, eta, seq, attempts, room, ord)`;
}

/** The next `most` tasks of the lanes, best first: `what` of each. */
function next(what: 'ord' | 'id', most: string): string {
  const id = what === 'id' ? ', t.id' : ''; // which the index does not have
  return `SELECT ahead.${what} FROM (
    SELECT l.ord, l.priority, l.room, t.*,
      row_number() OVER (PARTITION BY l.name ORDER BY l.priority DESC, t.eta, t.seq) AS nth
    FROM lane l CROSS JOIN LATERAL (
      SELECT t.eta, t.seq${id} FROM {task} t WHERE ${LANE} ORDER BY t.eta, t.seq LIMIT least(l.room, ${most})
    ) t
  ) ahead
  WHERE ahead.nth <= ahead.room ORDER BY ahead.priority DESC, ahead.eta, ahead.seq LIMIT ${most}`;
}

/**
 * From `at` on: worker, most tasks, then the lanes. First looks, without locks, which lanes the
 * next tasks are in; then takes as many of each, stepping over what others are taking.
 */
function claimed(at: number): string {
  const $ = (offset: number) => `$${at + offset}`;
  return `lane AS MATERIALIZED (
    ${lanes(at + 2)}
    WHERE EXISTS (SELECT FROM {worker} w WHERE w.id = ${$(0)} AND w.expires_at > ${NOW})
  ), share AS (
    SELECT next.ord, count(*) AS most FROM (${next('ord', $(1))}) next GROUP BY next.ord
  ), picked AS MATERIALIZED (
    SELECT t.at, l.attempts FROM lane l JOIN share s ON s.ord = l.ord CROSS JOIN LATERAL (
      SELECT t.ctid AS at FROM {task} t WHERE ${LANE} ORDER BY t.eta, t.seq LIMIT s.most
      FOR UPDATE SKIP LOCKED
    ) t
  ), ${taken($(0))}`;
}

/** The same for one lane, which needs no look ahead: it gets all. */
function claimedFromOne(at: number): string {
  const $ = (offset: number) => `$${at + offset}`;
  return `picked AS MATERIALIZED (
    SELECT t.ctid AS at, l.attempts FROM {task} t, (SELECT ${$(2)}::text AS queue, ${$(3)}::text AS name,
      ${$(4)}::int AS priority, ${$(5)}::bigint AS eta, ${$(6)}::bigint AS seq, ${$(7)}::int AS attempts) l
    WHERE ${LANE} AND EXISTS (SELECT FROM {worker} w WHERE w.id = ${$(0)} AND w.expires_at > ${NOW})
    ORDER BY t.eta, t.seq LIMIT least(${$(8)}::int, ${$(1)}::int)
    FOR UPDATE OF t SKIP LOCKED
  ), ${taken($(0))}`;
}

/** The number that follows, also where there is none after it. */
function nextOf(column: string): string {
  return `least(${column}, 2147483646) + 1`;
}

/** Tasks of what runs like this whose worker is not registered, or lost. */
function abandoned(running: string): string {
  return `SELECT t.ctid AS at, t.worker_id AS worker FROM {task} t WHERE ${running} AND NOT EXISTS (
      SELECT FROM {worker} w WHERE w.id = t.worker_id AND w.id NOT IN (SELECT id FROM lost))
    FOR UPDATE SKIP LOCKED`;
}

function taken(worker: string): string {
  return `claimed AS (
    UPDATE {task} t SET status = 'running', attempt = ${nextOf('t.attempt')}, lease = ${nextOf('t.lease')},
      worker_id = ${worker}, started_at = ${NOW}, finished_at = NULL, max_attempts = coalesce(t.max_attempts, p.attempts)
    FROM picked p WHERE t.ctid = p.at
    RETURNING ${RESERVED}
  )`;
}

/**
 * $1..$3: id, lease, progress of each; then task, attempt, time and text of each line.
 *
 * @param columns of a line, with `values`.
 */
function reported(columns: string, values: string): string {
  return `WITH held AS (
      SELECT h.seq, h.created_at, u.id, u.lease, u.progress
      FROM unnest($1::text[], $2::int[], $3::text[]) AS u(id, lease, progress)
      CROSS JOIN LATERAL (${REPORTING}) h
    ), kept AS (
      INSERT INTO {progress} (task_seq, task_id, task_created_at, value)
      SELECT seq, id, created_at, progress FROM held WHERE progress IS NOT NULL
      ON CONFLICT (task_seq) DO UPDATE SET task_id = excluded.task_id,
        task_created_at = excluded.task_created_at, value = excluded.value
    ), written AS (
      INSERT INTO {log} (${columns}, task_id, task_created_at, attempt, at, line)
      SELECT ${values}, h.id, h.created_at, l.attempt, l.at, l.line
      FROM unnest($4::text[], $5::int[], $6::bigint[], $7::text[])
        WITH ORDINALITY AS l(id, attempt, at, line, ord)
      JOIN held h ON h.id = l.id ORDER BY l.ord
    ) SELECT seq, id, lease FROM held`;
}

/** Every statement of the PostgreSQL dialect. */
export function postgresStatements(names: TableNames) {
  const statements = {
    now: `SELECT ${NOW}`,

    /** One task, by far the most frequent statement: as short for the planner as can be. */
    insertOne: `INSERT INTO {task} (${TASK_COLUMN_LIST})
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`,
    insert: INSERT,
    /** Leaves the fsync to the server's next one. */
    insertRelaxed: `WITH added AS (${INSERT} RETURNING 1)
      SELECT count(*), set_config('synchronous_commit', 'off', true) FROM added`,
    /** Which of these are stored under the same name with the same payload. */
    same: `SELECT t.id, t.name, t.payload FROM {task} t WHERE t.id = ANY($1::text[])`,

    settle: `WITH ${SETTLED}
      SELECT ${ENDED}, set_config('synchronous_commit', $6, true)`,
    claim: `WITH ${claimed(1)} SELECT * FROM claimed`,
    claimFromOne: `WITH ${claimedFromOne(1)} SELECT * FROM claimed`,
    /** What was settled beside each that was claimed, or beside nothing. */
    settleAndClaim: `WITH ${SETTLED}, ${claimed(6)}
      SELECT n.ended, c.* FROM (SELECT ${ENDED} AS ended) n LEFT JOIN claimed c ON true`,
    settleAndClaimFromOne: `WITH ${SETTLED}, ${claimedFromOne(6)}
      SELECT n.ended, c.* FROM (SELECT ${ENDED} AS ended) n LEFT JOIN claimed c ON true`,
    /** What a claim would take: most tasks, then the lanes. */
    peek: `WITH lane AS MATERIALIZED (${lanes(2)}) ${next('id', '$1')}`,
    /** Tasks that this worker holds, whether or not it knows. */
    holding: `SELECT ${RESERVED} FROM {task} t WHERE ${RUNNING} AND t.worker_id = $1`,
    outcomes: `SELECT t.id, t.lease, t.status, t.result, t.error FROM {task} t WHERE t.id = ANY($1::text[])`,

    /** Every lane with its head, by one index seek each. */
    survey: `WITH RECURSIVE lane AS (
        (SELECT queue, name, priority, eta, seq FROM {task} WHERE status = 'queued'
         ORDER BY queue, name, priority, eta, seq LIMIT 1)
        UNION ALL
        SELECT n.* FROM lane l CROSS JOIN LATERAL (
          SELECT t.queue, t.name, t.priority, t.eta, t.seq FROM {task} t
          WHERE t.status = 'queued' AND (t.queue, t.name, t.priority) > (l.queue, l.name, l.priority)
          ORDER BY t.queue, t.name, t.priority, t.eta, t.seq LIMIT 1
        ) n
      ) SELECT ${NOW}, ${TOOK}, lane.* FROM (SELECT count(*) FROM lane) whole LEFT JOIN lane ON true`,

    /** A cancel that the handler did not live to see still holds. */
    requeue: `UPDATE {task} t SET
        status = CASE WHEN t.cancel_requested_at IS NULL THEN 'queued' ELSE 'cancelled' END,
        finished_at = CASE WHEN t.cancel_requested_at IS NULL THEN NULL ELSE ${NOW} END,
        attempt = t.attempt - c.back, eta = coalesce(c.eta, t.eta),
        error = coalesce(c.error, t.error), worker_id = NULL
      FROM (
        SELECT u.*, h.at FROM unnest($1::text[], $2::int[], $3::int[], $4::bigint[], $5::text[])
          AS u(id, lease, back, eta, error) CROSS JOIN LATERAL (${HELD}) h
      ) c WHERE t.ctid = c.at
      RETURNING t.id, t.lease, t.status, t.queue, t.name, t.priority, t.eta, t.seq`,
    reschedule: `UPDATE {task} SET eta = coalesce($2, eta), error = coalesce($3, error)
      WHERE id = $1 AND status = 'queued' RETURNING queue, name, priority, eta, seq`,
    cancelWaiting: `UPDATE {task} SET status = 'cancelled', finished_at = ${NOW}
      WHERE id = $1 AND status IN ('queued', 'blocked')`,
    cancel: `UPDATE {task} SET
        status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
        finished_at = CASE WHEN status = 'running' THEN NULL ELSE ${NOW} END,
        cancel_requested_at = CASE WHEN status = 'running' THEN coalesce(cancel_requested_at, ${NOW}) END
      WHERE id = ANY($1::text[]) AND status IN ('queued', 'blocked', 'running')
      RETURNING id, status`,
    statuses: `SELECT id, status FROM {task} WHERE id = ANY($1::text[])`,

    report: reported('task_seq', 'h.seq'),
    /** The same where the counter of the lines is behind, as on a replica that took over. */
    reportBehind: reported(
      'seq, task_seq',
      'coalesce((SELECT max(seq) FROM {log}), 0) + l.ord, h.seq',
    ),
    /** $1, $2: seq and id of each task. */
    dropOldLines: `DELETE FROM {log} l USING unnest($1::bigint[], $2::text[]) AS t(seq, id)
      WHERE l.task_seq = t.seq AND l.task_id = t.id AND l.seq <= (
        SELECT o.seq FROM {log} o WHERE o.task_seq = t.seq AND o.task_id = t.id
        ORDER BY o.seq DESC LIMIT 1 OFFSET ${MAX_LOG_LINES})`,

    register: `INSERT INTO {worker} (${WORKER_COLUMNS}, expires_at, started_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint, $11, $12, $13, $14,
        ${NOW} + $10::bigint, ${NOW})
      ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid,
        process_identity = excluded.process_identity, version = excluded.version,
        queues = excluded.queues, handlers = excluded.handlers, limits = excluded.limits,
        concurrency = excluded.concurrency, lease = excluded.lease, expires_at = excluded.expires_at,
        in_flight = excluded.in_flight, stuck = excluded.stuck, lingering = excluded.lingering,
        loop_lag = excluded.loop_lag, started_at = excluded.started_at`,
    renew: `UPDATE {worker} SET lease = $1::bigint, expires_at = ${NOW} + $1::bigint,
        in_flight = $2, stuck = $3, lingering = $4, loop_lag = $5
      WHERE id = $6`,
    /** A registration that ran out unnoticed. */
    extend: `UPDATE {worker} SET expires_at = ${NOW} + lease WHERE id = $1`,
    workers: `SELECT id, host, pid, process_identity, lease, expires_at, ${NOW}, ${STARTED} FROM {worker}`,
    orphan: `WITH orphan AS MATERIALIZED (
        (SELECT 1 FROM {task} t WHERE ${RUNNING}
          AND NOT EXISTS (SELECT FROM {worker} w WHERE w.id = t.worker_id) LIMIT 1)
        UNION ALL
        (SELECT 1 FROM {task} t WHERE ${REVIVED}
          AND NOT EXISTS (SELECT FROM {worker} w WHERE w.id = t.worker_id) LIMIT 1))
      SELECT EXISTS (SELECT FROM orphan), ${TOOK}`,
    retire: `DELETE FROM {worker} WHERE id = $1`,
    /** As `workerLost` has it. $1: workers whose process is gone; then silent ones, until when each held. */
    rescue: `WITH lost AS (
        DELETE FROM {worker} WHERE id = ANY($1::text[])
          OR (id, expires_at) IN (SELECT * FROM unnest($2::text[], $3::bigint[]))
        RETURNING id
      ), picked AS MATERIALIZED (${abandoned(RUNNING)}), revived AS MATERIALIZED (${abandoned(REVIVED)})
      UPDATE {task} t SET
        status = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled'
          WHEN t.attempt < t.max_attempts THEN 'queued' ELSE 'failed' END,
        finished_at = CASE WHEN t.cancel_requested_at IS NULL AND t.attempt < t.max_attempts
          THEN NULL ELSE ${NOW} END,
        error = concat('{"name":"WorkerLostError","message":"', ${LOST_BEFORE} || ' ',
          trim(BOTH '"' FROM to_json(format('Worker %s died or lost its lease during attempt %s.',
            coalesce(p.worker, 'unknown'), t.attempt))::text),
          '","stack":null,"code":"SITQ_WORKER_LOST"}'),
        worker_id = NULL
      FROM (SELECT * FROM picked UNION ALL SELECT * FROM revived) p WHERE t.ctid = p.at
      RETURNING t.id, t.name, p.worker, t.attempt, t.status, t.queue, t.priority, t.eta, t.seq`,

    bringForward: `UPDATE {task} t SET eta = ${NOW} FROM (
        SELECT w.ctid AS at FROM {task} w
        WHERE w.status = 'queued' AND w.eta > ${NOW} AND w.eta = w.created_at
        ORDER BY w.queue, w.name, w.priority, w.eta, w.seq LIMIT $1 FOR UPDATE SKIP LOCKED
      ) early WHERE t.ctid = early.at`,

    prune: `WITH ended AS MATERIALIZED (
        SELECT t.ctid AS at, t.seq, t.id FROM {task} t
        WHERE t.finished_at IS NOT NULL AND t.status = $1 AND t.finished_at < $2
        ORDER BY t.finished_at LIMIT $3 FOR UPDATE SKIP LOCKED
      ), lines AS (
        DELETE FROM {log} l USING ended e
        WHERE l.task_seq = e.seq AND coalesce(l.task_id, e.id) = e.id
      ), reports AS (
        DELETE FROM {progress} p USING ended e
        WHERE p.task_seq = e.seq AND coalesce(p.task_id, e.id) = e.id
      )
      DELETE FROM {task} t USING ended e WHERE t.ctid = e.at`,

    task: `SELECT ${RESERVED}, t.status, t.worker_id, t.cancel_requested_at, t.started_at, t.finished_at,
        (SELECT value FROM {progress} WHERE ${OWN_PROGRESS})
      FROM {task} t WHERE t.id = $1`,
    results: `SELECT id, status, result, error, created_at, finished_at FROM {task}
       WHERE id = ANY($1::text[])`,
    log: `SELECT l.at, l.attempt, l.line FROM {task} t LEFT JOIN {log} l ON ${OWN_LINES}
      WHERE t.id = $1 ORDER BY l.seq`,
    /** By id: the index of running tasks may be full of dead rows. */
    cancelRequests: `SELECT t.id FROM {task} t WHERE t.id = ANY($2::text[])
        AND t.status = 'running' AND t.worker_id = $1 AND t.cancel_requested_at IS NOT NULL`,
    listWorkers: `SELECT ${NOW}, to_json(w), (
        SELECT json_object_agg(r.name, r.tasks) FROM (
          SELECT t.name, count(*) AS tasks FROM {task} t
          WHERE ${RUNNING} AND t.worker_id = w.id GROUP BY t.name) r)
      FROM {worker} w ORDER BY w.started_at, w.id`,
    counts: `WITH waiting AS (
        SELECT count(*) AS every, count(*) FILTER (WHERE eta > ${NOW}) AS later
        FROM {task} WHERE status = 'queued'
      ) SELECT status, count(*) FROM {task} WHERE finished_at IS NOT NULL
        AND status IN ('completed', 'failed', 'cancelled') GROUP BY status
      UNION ALL SELECT 'queued', every FROM waiting
      UNION ALL SELECT 'scheduled', later FROM waiting
      UNION ALL SELECT 'running', (SELECT count(*) FROM {task} t WHERE ${RUNNING})
        + (SELECT count(*) FROM {task} t WHERE ${REVIVED})
      UNION ALL SELECT 'stuck', coalesce(sum(stuck), 0) FROM {worker} WHERE expires_at > ${NOW}`,
  };
  for (const [name, text] of Object.entries(statements)) {
    statements[name as keyof typeof statements] = names.in(text);
  }
  return statements;
}

export type PostgresStatements = ReturnType<typeof postgresStatements>;
