import type { StoreKind } from '../databases/kinds.js';
import type { Sql } from '../databases/sql.js';
import type { Departure, FinalTask, TaskChange } from './history.js';

/**
 * Makes the database itself write down, in the order of the commits, every change of a task's
 * state or lease and every worker that is removed.
 */
export function installAudit(sql: Sql): Promise<void> {
  const { key, triggers } = DIALECTS[sql.kind];
  return sql.run(
    `CREATE TABLE audit_change (seq ${key}, at BIGINT, task VARCHAR(255), status_before TEXT,
       status TEXT, lease INTEGER, attempt INTEGER, attempt_before INTEGER, worker TEXT, error TEXT)`,
    `CREATE TABLE audit_departure (seq ${key}, at BIGINT, worker TEXT, pid INTEGER,
       expires_at BIGINT)`,
    ...triggers,
  );
}

/** What {@link installAudit} made the database write down, and how its tasks stand now. */
export async function readAudit(sql: Sql): Promise<{
  changes: TaskChange[];
  departures: Departure[];
  tasks: FinalTask[];
}> {
  const changes = await sql.query<Omit<TaskChange, keyof Renamed> & Columns>(
    `SELECT at, task, status_before, status, lease, attempt, attempt_before, worker, error
     FROM audit_change ORDER BY seq`,
  );
  const departures = await sql.query<Omit<Departure, 'expiresAt'> & { expires_at: number }>(
    'SELECT at, worker, pid, expires_at FROM audit_departure ORDER BY seq',
  );
  const tasks = await sql.query<Omit<FinalTask, 'maxAttempts'> & { max_attempts: number | null }>(
    `SELECT id AS task, status, attempt, max_attempts, lease, result,
       ${DIALECTS[sql.kind].code('error')} AS error FROM sitq_task`,
  );
  return {
    changes: changes.map(
      ({ status_before: from, status: to, attempt_before: attemptBefore, ...rest }) => ({
        ...rest,
        from,
        to,
        attemptBefore,
      }),
    ),
    departures: departures.map(({ expires_at: expiresAt, ...rest }) => ({ ...rest, expiresAt })),
    tasks: tasks.map(({ max_attempts: maxAttempts, ...rest }) => ({ ...rest, maxAttempts })),
  };
}

/** What the database finds wrong with its own files; nothing where it has no way to look. */
export async function findDamage(sql: Sql): Promise<unknown[]> {
  const { check } = DIALECTS[sql.kind];
  const rows = check ? await sql.query<object>(check) : [];
  const findings = rows.map((row) => Object.values(row).at(-1) as unknown);
  return findings.filter((finding) => !/^ok$/i.test(String(finding)));
}

type Renamed = Pick<TaskChange, 'from' | 'to' | 'attemptBefore'>;
interface Columns {
  readonly status_before: string;
  readonly status: string;
  readonly attempt_before: number;
}

interface AuditDialect {
  /** Type of a key that counts. */
  readonly key: string;
  readonly triggers: readonly string[];
  /** The code in a column with a stored error. */
  code(column: string): string;
  readonly check?: string;
}

const CHANGED = 'old.status <> new.status OR old.lease <> new.lease';

/** What the triggers do, by the database's clock in ms since the epoch. */
function writeDown(now: string, code: (column: string) => string) {
  return {
    change: `INSERT INTO audit_change
        (at, task, status_before, status, lease, attempt, attempt_before, worker, error)
      VALUES (${now}, new.id, old.status, new.status, new.lease, new.attempt, old.attempt,
        coalesce(new.worker_id, old.worker_id), ${code('new.error')});`,
    departure: `INSERT INTO audit_departure (at, worker, pid, expires_at)
      VALUES (${now}, old.id, old.pid, old.expires_at);`,
  };
}

function sqlite(): AuditDialect {
  const code = (column: string) => `json_extract(${column}, '$.code')`;
  const { change, departure } = writeDown(`CAST(unixepoch('subsec') * 1000 AS INTEGER)`, code);
  return {
    key: 'INTEGER PRIMARY KEY',
    triggers: [
      `CREATE TRIGGER audit_task AFTER UPDATE ON sitq_task WHEN ${CHANGED} BEGIN ${change} END`,
      `CREATE TRIGGER audit_worker AFTER DELETE ON sitq_worker BEGIN ${departure} END`,
    ],
    code,
    check: 'PRAGMA integrity_check',
  };
}

/** One instant per statement, as sitq has it. */
function postgres(): AuditDialect {
  const code = (column: string) => `${column}::json->>'code'`;
  const now = '(extract(epoch FROM statement_timestamp()) * 1000)::bigint';
  const { change, departure } = writeDown(now, code);
  const body = (action: string) => `RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN ${action} RETURN NULL; END $$`;
  return {
    key: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    triggers: [
      `CREATE FUNCTION audit_task() ${body(change)}`,
      `CREATE TRIGGER audit_task AFTER UPDATE ON sitq_task FOR EACH ROW WHEN (${CHANGED})
       EXECUTE FUNCTION audit_task()`,
      `CREATE FUNCTION audit_worker() ${body(departure)}`,
      `CREATE TRIGGER audit_worker AFTER DELETE ON sitq_worker FOR EACH ROW
       EXECUTE FUNCTION audit_worker()`,
    ],
    code,
  };
}

function mysql(): AuditDialect {
  const code = (column: string) => `json_unquote(json_extract(${column}, '$.code'))`;
  // In UTC: a time zone may have an hour twice.
  const now = `timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(3)) DIV 1000`;
  const { change, departure } = writeDown(now, code);
  return {
    key: 'BIGINT AUTO_INCREMENT PRIMARY KEY',
    triggers: [
      `CREATE TRIGGER audit_task AFTER UPDATE ON sitq_task FOR EACH ROW BEGIN
         IF ${CHANGED} THEN ${change} END IF;
       END`,
      `CREATE TRIGGER audit_worker AFTER DELETE ON sitq_worker FOR EACH ROW BEGIN ${departure} END`,
    ],
    code,
    check: 'CHECK TABLE sitq_task, sitq_worker EXTENDED',
  };
}

const DIALECTS: Readonly<Record<StoreKind, AuditDialect>> = {
  sqlite: sqlite(),
  postgres: postgres(),
  mysql: mysql(),
  mariadb: mysql(),
};
