import type { Database } from 'better-sqlite3';
import type { Departure, FinalTask, TaskChange } from './history.js';

/**
 * Makes the database itself write down, in the order of the commits, every change of a task's
 * state or lease and every worker that is removed.
 */
export function installAudit(db: Database): void {
  db.exec(`
    CREATE TABLE audit_change (seq INTEGER PRIMARY KEY, at INTEGER, task TEXT, "from" TEXT, "to" TEXT,
      "lease" INTEGER, attempt INTEGER, worker TEXT, error TEXT);
    CREATE TABLE audit_departure (seq INTEGER PRIMARY KEY, at INTEGER, worker TEXT, pid INTEGER,
      expiresAt INTEGER);
    CREATE TRIGGER audit_task AFTER UPDATE ON sitq_task
    WHEN old.status <> new.status OR old.lease <> new.lease BEGIN
      INSERT INTO audit_change (at, task, "from", "to", lease, attempt, worker, error)
      VALUES (${NOW}, new.id, old.status, new.status, new.lease, new.attempt,
        coalesce(new.worker_id, old.worker_id), json_extract(new.error, '$.code'));
    END;
    CREATE TRIGGER audit_worker AFTER DELETE ON sitq_worker BEGIN
      INSERT INTO audit_departure (at, worker, pid, expiresAt)
      VALUES (${NOW}, old.id, old.pid, old.expires_at);
    END;
  `);
}

/** What {@link installAudit} made the database write down, and how its tasks stand now. */
export function readAudit(db: Database): {
  changes: TaskChange[];
  departures: Departure[];
  tasks: FinalTask[];
} {
  return {
    changes: db.prepare('SELECT * FROM audit_change ORDER BY seq').all() as TaskChange[],
    departures: db.prepare('SELECT * FROM audit_departure ORDER BY seq').all() as Departure[],
    tasks: db
      .prepare(
        `SELECT id AS task, status, attempt, max_attempts AS maxAttempts, lease, result,
           json_extract(error, '$.code') AS error FROM sitq_task`,
      )
      .all() as FinalTask[],
  };
}

/** Milliseconds since the epoch by the database's clock. */
const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
