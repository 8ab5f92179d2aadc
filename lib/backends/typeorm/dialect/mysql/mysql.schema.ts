import type { MigrationStatements, SchemaTraits } from '../../schema-traits.js';
import { TableNames } from '../../table-names.js';

/**
 * Names are compared byte by byte, spaces at the end included. Each of the two servers has another
 * collation for that, and skips what is written for the other one.
 */
const TABLE = `ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4
  /*!80017 COLLATE utf8mb4_0900_bin */ /*M! COLLATE utf8mb4_nopad_bin */
  STATS_PERSISTENT=1 STATS_AUTO_RECALC=1`;

/**
 * The tables on MySQL and MariaDB. `seq` is the primary key, which InnoDB keeps the rows by: tasks
 * are enqueued at the end, and the order of claims needs no `seq` in the index, which has it
 * anyway. The index of what waits begins with the state, so that it also finds what runs.
 *
 * Each statement may be repeated: a migration that was cut off goes on where it was, since here
 * every change of a table is a transaction of its own.
 */
export function mysqlSchema(prefix: string): SchemaTraits {
  const text = { type: 'longtext' } as const;
  const name = { type: 'varchar', length: 200 } as const;
  const instant = { type: 'bigint' } as const;
  const names = new TableNames(prefix, undefined, '`');
  return {
    names,
    migrationTable: `CREATE TABLE IF NOT EXISTS {migration} (
      id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
      timestamp bigint NOT NULL,
      name varchar(255) NOT NULL
    ) ENGINE=InnoDB`,
    quoteRole: quoteAccount,
    types: {
      name,
      text,
      word: { type: 'varchar', length: 16 },
      instant,
      integer: { type: 'int' },
      small: { type: 'smallint' },
    },
    taskKey: { seq: { ...instant, primary: true, generated: 'increment' }, id: {} },
    lineKey: { ...instant, primary: true, generated: 'increment' },
    taskIndices: [
      { name: 'task_id', columns: ['id'], unique: true },
      { name: 'task_ready', columns: ['status', 'queue', 'name', 'priority', 'eta'] },
      { name: 'task_finished', columns: ['status', 'finished_at'] },
      { name: 'task_cancel', columns: ['cancel_requested_at'] },
    ],
    migrations: {
      CreateTables1763683200000: {
        up: createTables(names),
        down: ['progress', 'log', 'worker', 'task'].map((t) => `DROP TABLE IF EXISTS {${t}}`),
      },
      DescribeWorkers1763769600000: {
        // Nullable: processes of the version before register too, while a deploy is under way.
        up: ifColumn(names, 'worker', 'loop_lag', 'missing', [
          'ADD COLUMN version longtext NULL',
          'ADD COLUMN limits longtext NULL',
          'ADD COLUMN concurrency int NULL',
          'ADD COLUMN lingering longtext NULL',
          'ADD COLUMN loop_lag int NULL',
        ]),
        down: ifColumn(names, 'worker', 'loop_lag', 'there', [
          'DROP COLUMN version',
          'DROP COLUMN limits',
          'DROP COLUMN concurrency',
          'DROP COLUMN lingering',
          'DROP COLUMN loop_lag',
        ]),
      },
      TieReportsToTasks1763856000000: tieReports(names),
    },
  };
}

/** Nullable: processes of the version before go on reporting while a deploy is under way. */
function tieReports(names: TableNames): MigrationStatements {
  const tables = ['log', 'progress'] as const;
  const added = ['ADD COLUMN task_id varchar(200) NULL', 'ADD COLUMN task_created_at bigint NULL'];
  const dropped = ['DROP COLUMN task_id', 'DROP COLUMN task_created_at'];
  return {
    up: [
      ...tables.flatMap((table) => ifColumn(names, table, 'task_id', 'missing', added)),
      // One that has not begun has reported nothing: what is there was left by another task.
      `UPDATE {progress} p JOIN {task} t ON t.seq = p.task_seq AND t.started_at IS NOT NULL
         SET p.task_id = t.id, p.task_created_at = t.created_at WHERE p.task_id IS NULL`,
    ],
    down: tables.flatMap((table) => ifColumn(names, table, 'task_id', 'there', dropped)),
  };
}

function createTables(names: TableNames): string[] {
  const named = (name: string) => `\`${names.plain(name)}\``;
  return [
    `CREATE TABLE IF NOT EXISTS {task} (
      seq bigint NOT NULL AUTO_INCREMENT,
      id varchar(200) NOT NULL,
      name varchar(200) NOT NULL,
      queue varchar(200) NOT NULL,
      status varchar(16) NOT NULL DEFAULT 'queued',
      priority smallint NOT NULL DEFAULT 0,
      eta bigint NOT NULL,
      payload longtext NOT NULL,
      attempt int NOT NULL DEFAULT 0,
      max_attempts int NULL,
      lease int NOT NULL DEFAULT 0,
      worker_id varchar(200) NULL,
      timeout bigint NULL,
      backoff longtext NULL,
      meta longtext NULL,
      cancel_requested_at bigint NULL,
      created_at bigint NOT NULL,
      started_at bigint NULL,
      finished_at bigint NULL,
      result longtext NULL,
      error longtext NULL,
      PRIMARY KEY (seq),
      UNIQUE KEY ${named('task_id')} (id),
      KEY ${named('task_ready')} (status, queue, name, priority, eta),
      KEY ${named('task_finished')} (status, finished_at),
      KEY ${named('task_cancel')} (cancel_requested_at)
    ) ${TABLE}`,
    `CREATE TABLE IF NOT EXISTS {worker} (
      id varchar(200) NOT NULL,
      host longtext NOT NULL,
      pid int NOT NULL,
      process_identity longtext NULL,
      queues longtext NULL,
      handlers longtext NOT NULL,
      lease bigint NOT NULL,
      expires_at bigint NOT NULL,
      in_flight int NOT NULL DEFAULT 0,
      stuck int NOT NULL DEFAULT 0,
      started_at bigint NOT NULL,
      PRIMARY KEY (id)
    ) ${TABLE}`,
    `CREATE TABLE IF NOT EXISTS {log} (
      seq bigint NOT NULL AUTO_INCREMENT,
      task_seq bigint NOT NULL,
      attempt int NOT NULL,
      at bigint NOT NULL,
      line longtext NOT NULL,
      PRIMARY KEY (seq),
      KEY ${named('log_task')} (task_seq)
    ) ${TABLE}`,
    `CREATE TABLE IF NOT EXISTS {progress} (
      task_seq bigint NOT NULL,
      value longtext NOT NULL,
      PRIMARY KEY (task_seq)
    ) ${TABLE}`,
  ];
}

/** Alters a table once; only one of the two servers knows `IF NOT EXISTS` for that. */
function ifColumn(
  names: TableNames,
  table: 'worker' | 'log' | 'progress',
  column: string,
  state: 'there' | 'missing',
  changes: readonly string[],
): string[] {
  const alter = names.in(`ALTER TABLE {${table}} ${changes.join(', ')}`);
  return [
    `SET @sitq_change = IF(${state === 'there' ? '' : 'NOT '}EXISTS (
       SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
       AND table_name = '${names.plain(table)}' AND column_name = '${column}'), '${alter}', 'DO 0')`,
    'PREPARE sitq_change FROM @sitq_change',
    'EXECUTE sitq_change',
    'DEALLOCATE PREPARE sitq_change',
  ];
}

/** `ann`, who may come from anywhere, or `ann@host`. */
function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const [user, host] = at < 0 ? [account, '%'] : [account.slice(0, at), account.slice(at + 1)];
  return [user, host].map((part) => `'${part.replaceAll(/['\\]/g, '$&$&')}'`).join('@');
}
