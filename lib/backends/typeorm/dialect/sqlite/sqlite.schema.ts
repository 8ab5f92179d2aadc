import type { MigrationStatements, SchemaTraits } from '../../schema-traits.js';
import { TableNames } from '../../table-names.js';

/**
 * The tables on SQLite. Three small partial indexes: what waits, in exactly the claim's order;
 * what runs, by worker; what has ended, by time.
 */
export function sqliteSchema(prefix: string): SchemaTraits {
  const text = { type: 'text' } as const;
  const integer = { type: 'integer' } as const;
  const names = new TableNames(prefix, undefined, '"');
  return {
    names,
    migrationTable: `CREATE TABLE IF NOT EXISTS {migration} (
      "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
      "timestamp" bigint NOT NULL,
      "name" varchar NOT NULL
    )`,
    quoteRole: null,
    types: { name: text, text, word: text, instant: integer, integer, small: integer },
    // Not AUTOINCREMENT, whose bookkeeping would be one more page in every commit.
    taskKey: { seq: { ...integer, primary: true }, id: {} },
    lineKey: { ...integer, primary: true, generated: true },
    taskIndices: [
      { name: 'task_id', columns: ['id'], unique: true },
      {
        name: 'task_ready',
        columns: ['queue', 'name', 'priority', 'eta'],
        where: `status = 'queued'`,
      },
      {
        name: 'task_running',
        columns: ['worker_id', 'cancel_requested_at'],
        where: `status = 'running'`,
      },
      {
        name: 'task_finished',
        columns: ['status', 'finished_at'],
        where: 'finished_at IS NOT NULL',
      },
    ],
    migrations: {
      CreateTables1763683200000: {
        up: createTables(names),
        down: ['progress', 'log', 'worker', 'task'].map((table) => `DROP TABLE {${table}}`),
      },
      DescribeWorkers1763769600000: describeWorkers(),
      TieReportsToTasks1763856000000: tieReports(),
    },
  };
}

/** Nullable: processes of the version before register workers too, while a deploy is under way. */
function describeWorkers(): MigrationStatements {
  const columns = [
    'version text',
    'limits text',
    'concurrency integer',
    'lingering text',
    'loop_lag integer',
  ];
  return {
    up: columns.map((column) => `ALTER TABLE {worker} ADD COLUMN ${column}`),
    down: columns.map((column) => `ALTER TABLE {worker} DROP COLUMN ${column.split(' ')[0]}`),
  };
}

/** Nullable: processes of the version before go on reporting while a deploy is under way. */
function tieReports(): MigrationStatements {
  const tables = ['log', 'progress'];
  const columns = ['task_id text', 'task_created_at integer'];
  const each = (change: (table: string, column: string) => string) =>
    tables.flatMap((table) => columns.map((column) => change(table, column)));
  return {
    up: [
      ...each((table, column) => `ALTER TABLE {${table}} ADD COLUMN ${column}`),
      // One that has not begun has reported nothing: what is there was left by another task.
      `UPDATE {progress} SET (task_id, task_created_at) =
         (SELECT id, created_at FROM {task} WHERE seq = task_seq AND started_at IS NOT NULL)`,
    ],
    down: each((table, column) => `ALTER TABLE {${table}} DROP COLUMN ${column.split(' ')[0]}`),
  };
}

function createTables(names: TableNames): string[] {
  const index = (name: string) => `"${names.plain(name)}"`;
  return [
    `CREATE TABLE {task} (
      "seq" integer PRIMARY KEY NOT NULL,
      "id" text NOT NULL,
      "name" text NOT NULL,
      "queue" text NOT NULL,
      "status" text NOT NULL DEFAULT ('queued'),
      "priority" integer NOT NULL DEFAULT (0),
      "eta" integer NOT NULL,
      "payload" text NOT NULL,
      "attempt" integer NOT NULL DEFAULT (0),
      "max_attempts" integer,
      "lease" integer NOT NULL DEFAULT (0),
      "worker_id" text,
      "timeout" integer,
      "backoff" text,
      "meta" text,
      "cancel_requested_at" integer,
      "created_at" integer NOT NULL,
      "started_at" integer,
      "finished_at" integer,
      "result" text,
      "error" text
    )`,
    `CREATE UNIQUE INDEX ${index('task_id')} ON {task} ("id")`,
    `CREATE INDEX ${index('task_ready')} ON {task} ("queue", "name", "priority", "eta") WHERE status = 'queued'`,
    `CREATE INDEX ${index('task_running')} ON {task} ("worker_id", "cancel_requested_at") WHERE status = 'running'`,
    `CREATE INDEX ${index('task_finished')} ON {task} ("status", "finished_at") WHERE finished_at IS NOT NULL`,
    `CREATE TABLE {worker} (
      "id" text PRIMARY KEY NOT NULL,
      "host" text NOT NULL,
      "pid" integer NOT NULL,
      "process_identity" text,
      "queues" text,
      "handlers" text NOT NULL,
      "lease" integer NOT NULL,
      "expires_at" integer NOT NULL,
      "in_flight" integer NOT NULL DEFAULT (0),
      "stuck" integer NOT NULL DEFAULT (0),
      "started_at" integer NOT NULL
    )`,
    `CREATE TABLE {log} (
      "seq" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
      "task_seq" integer NOT NULL,
      "attempt" integer NOT NULL,
      "at" integer NOT NULL,
      "line" text NOT NULL
    )`,
    `CREATE INDEX ${index('log_task')} ON {log} ("task_seq")`,
    `CREATE TABLE {progress} (
      "task_seq" integer PRIMARY KEY NOT NULL,
      "value" text NOT NULL
    )`,
  ];
}
