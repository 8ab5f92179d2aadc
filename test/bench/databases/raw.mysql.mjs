import { createConnection } from 'mysql2/promise';
import { v7 } from 'uuid';
import { NAME, PAYLOAD } from '../payload.mjs';
import { seconds } from '../workspace.mjs';

const COLUMNS =
  'id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta, created_at';
const NOW = `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`;

const INSERT = `INSERT INTO sitq_task (${COLUMNS}) VALUES ?`;

/** Settles what was claimed. */
const SETTLE = `UPDATE sitq_task FORCE INDEX (PRIMARY) SET status = 'completed', result = '{"ok":true}',
  error = NULL, finished_at = ${NOW} WHERE seq IN (?) AND status = 'running' AND lease = 1`;
const NEXT = `SELECT seq, id, payload, eta, max_attempts, timeout, backoff, meta, created_at, attempt, lease
  FROM sitq_task FORCE INDEX (sitq_task_ready)
  WHERE status = 'queued' AND queue = 'default' AND name = '${NAME}' AND priority = 0
    AND eta >= ? AND eta <= ${NOW}
  ORDER BY eta, seq LIMIT ? FOR UPDATE SKIP LOCKED`;
const CLAIM = `UPDATE sitq_task FORCE INDEX (PRIMARY) SET status = 'running', attempt = attempt + 1,
  lease = lease + 1, worker_id = 'worker', started_at = ${NOW}, max_attempts = COALESCE(max_attempts, 3)
  WHERE seq IN (?)`;

/** The least that could be done: the same rows by `mysql2` itself on one connection. */
export class RawMysql {
  static async open({ url }) {
    const connection = await createConnection({
      uri: url,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      rowsAsArray: true,
    });
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    return new RawMysql(connection);
  }

  constructor(connection) {
    this.connection = connection;
  }

  close() {
    return this.connection.end();
  }

  /** Rows per second, so many rows a statement. */
  async enqueue(count, rowsPerStatement) {
    const rows = Array.from({ length: count }, row);
    const took = await seconds(async () => {
      for (let at = 0; at < count; at += rowsPerStatement) {
        await this.connection.query(INSERT, [rows.slice(at, at + rowsPerStatement)]);
      }
    });
    return count / took;
  }

  /** Tasks per second of a loop that settles so many rows and claims as many in one transaction. */
  async drain(count, batch) {
    let done = 0;
    let held = [];
    let last = 0;
    const took = await seconds(async () => {
      while (done < count) {
        await this.connection.query('START TRANSACTION');
        if (held.length > 0) await this.connection.query(SETTLE, [held]);
        const [rows] = await this.connection.query(NEXT, [last, batch]);
        const next = rows.map(([seq]) => seq);
        if (next.length > 0) await this.connection.query(CLAIM, [next]);
        await this.connection.query('COMMIT');
        done += held.length;
        held = next;
        last = rows.at(-1)?.[3] ?? last;
      }
    });
    return done / took;
  }
}

function row() {
  const now = Date.now();
  return [v7(), NAME, 'default', PAYLOAD, 0, now, null, null, null, null, now];
}
