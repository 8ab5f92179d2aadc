import Database from 'better-sqlite3';
import { v7 } from 'uuid';
import { NAME, PAYLOAD } from '../payload.mjs';
import { seconds } from '../workspace.mjs';

const COLUMNS =
  'id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta, created_at';
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
const ROWS_PER_INSERT = 25;

/** The least that could be done: the same rows by better-sqlite3 itself, ids made beforehand. */
export class RawSqlite {
  static async open({ database, durability }) {
    return new RawSqlite(database, durability);
  }

  constructor(file, durability) {
    this.db = new Database(file);
    this.db.pragma('journal_mode = WAL');
    this.db.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
    this.insert = this.db.prepare(`INSERT INTO sitq_task (${COLUMNS}) VALUES ${ROW}`);
    this.insertMany = this.db.prepare(
      `INSERT INTO sitq_task (${COLUMNS}) VALUES ${Array(ROWS_PER_INSERT).fill(ROW).join(', ')}`,
    );
  }

  close() {
    this.db.close();
  }

  /** Rows per second, so many rows a transaction. */
  async enqueue(count, rowsPerTransaction) {
    const rows = Array.from({ length: count }, row);
    const begin = this.db.prepare('BEGIN IMMEDIATE');
    const commit = this.db.prepare('COMMIT');
    const took = await seconds(() => {
      if (rowsPerTransaction === 1) {
        for (const values of rows) this.insert.run(values);
        return;
      }
      for (let at = 0; at < count; at += rowsPerTransaction) {
        begin.run();
        for (let from = at; from < at + rowsPerTransaction; from += ROWS_PER_INSERT) {
          this.insertMany.run(rows.slice(from, from + ROWS_PER_INSERT).flat());
        }
        commit.run();
      }
    });
    return count / took;
  }

  /** Tasks per second of a loop that settles so many rows and claims as many in one transaction. */
  async drain(count, batch) {
    const begin = this.db.prepare('BEGIN IMMEDIATE');
    const commit = this.db.prepare('COMMIT');
    const next = this.db.prepare(
      `SELECT seq, id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta,
         created_at, attempt, lease FROM sitq_task
       WHERE status = 'queued' AND queue = 'default' AND name = ? AND priority = 0 AND eta <= ?
       ORDER BY eta, seq LIMIT ?`,
    );
    const claim = this.db.prepare(
      `UPDATE sitq_task SET status = 'running', attempt = attempt + 1, lease = lease + 1,
         worker_id = ?, started_at = ?, max_attempts = 3
       WHERE seq IN (SELECT value FROM json_each(?))`,
    );
    const settle = this.db.prepare(
      `UPDATE sitq_task SET status = 'completed', result = ?, error = NULL, finished_at = ?
       WHERE id = ? AND lease = ? AND status = 'running'`,
    );
    let done = 0;
    let held = [];
    const took = await seconds(() => {
      while (done < count) {
        begin.run();
        const now = Date.now();
        for (const task of held) settle.run('{"ok":true}', now, task.id, task.lease + 1);
        done += held.length;
        held = next.all(NAME, now, batch);
        claim.run('worker', now, JSON.stringify(held.map((task) => task.seq)));
        commit.run();
      }
    });
    return done / took;
  }
}

function row() {
  const now = Date.now();
  return [v7(), NAME, 'default', PAYLOAD, 0, now, null, null, null, null, now];
}
