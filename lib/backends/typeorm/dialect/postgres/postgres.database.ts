import type { DataSource, DataSourceOptions } from 'typeorm';
import type {
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';
import type { ThreadBeat } from '../../../../core/capabilities/thread-beating-backend.js';
import type { SitqLogger } from '../../../../core/logger.js';
import type { NewTask, TaskStatus } from '../../../../core/task.js';
import { ConfigurationError } from '../../../../errors/configuration.error.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { StoreSettings } from '../../store-settings.js';
import { keyOf } from '../server/lease-key.js';
import { placeOf } from '../server/place-of.js';
import { toClaimedTask, toHead } from '../server/rows.js';
import type {
  ClaimedTask,
  ClaimOrder,
  Ended,
  LaneHead,
  Requeue,
  ServerDatabase,
  Settlement,
  TaskReport,
} from '../server/server-database.js';
import { beatTimeout, beatValues, workerValues } from '../server/worker-values.js';
import { taskRow } from '../task-row.js';
import { threadConnection } from '../thread-connection.js';
import type { Registration } from '../worker-watch.js';
import { Notifications } from './notifications.js';
import { bigint, laneColumns, requeueColumns, settledColumns } from './postgres.columns.js';
import { poolOf, PostgresConnections, type Run } from './postgres.connections.js';
import {
  isConflict,
  isMissingTable,
  isMistake,
  isOutage,
  isTaken,
  toBackendError,
} from './postgres.errors.js';
import { encodingNote, holdsAnyText } from './postgres.encoding.js';
import { PostgresJoinedWrites } from './postgres.joined-writes.js';
import { PostgresReads } from './postgres.reads.js';
import { postgresSchema } from './postgres.schema.js';
import { insertColumns } from './postgres.insert.js';
import { postgresStatements, type PostgresStatements } from './postgres.statements.js';

/** How long single tasks may take to be stored: then there is time for another connection, in ms. */
const INSERT_TIMEOUT = 5000;
const PORT = 5432;
/** Tasks at a time. */
const MOST_BROUGHT_FORWARD = 5000;
const OLDEST = 120_000;
/** Any number that nobody else uses: the lock under which tables are changed. */
const SCHEMA_LOCK = 5_160_730_415;

/** However long others take, and we: a server may have limits for every statement. */
const BEGIN_LOCK = `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0`;

/** PostgreSQL through the `pg` pool of a TypeORM DataSource. Each method is one statement. */
export class PostgresDatabase implements ServerDatabase {
  readonly remedy =
    'Check host, port, database, username and password, and that the server accepts connections.';
  readonly place: string;
  readonly schema: SchemaTraits;
  readonly waker: Notifications;
  readonly joined: PostgresJoinedWrites;
  readonly reads: PostgresReads;
  readonly isOutage = isOutage;
  readonly isMistake = isMistake;
  readonly isMissingTable = isMissingTable;
  readonly toBackendError = toBackendError;

  private readonly sql: PostgresStatements;
  private readonly connections: PostgresConnections;
  private readonly run: Run;

  constructor(
    private readonly settings: StoreSettings,
    private readonly logger: SitqLogger | undefined,
  ) {
    this.place = placeOf(settings.connection, PORT);
    this.schema = postgresSchema(settings.tablePrefix, settings.schema);
    this.sql = postgresStatements(this.schema.names);
    const connections = new PostgresConnections(settings);
    this.connections = connections;
    this.run = connections.run;
    this.reads = new PostgresReads(this.run, this.sql);
    const ask = async (text: string) => (await this.run(text)).rows[0]?.[0];
    this.joined = new PostgresJoinedWrites(this.schema.names, ask);
    const channel = `${settings.schema ?? ''}.${settings.tablePrefix}change`;
    this.waker = new Notifications(channel, settings.listen, connections, logger);
  }

  isConflict(error: unknown): boolean {
    return this.connections.notePooler(error) || isConflict(error);
  }

  dataSourceOptions(): DataSourceOptions {
    return this.connections.options();
  }

  abandon(): void {
    this.connections.abandon();
  }

  async withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
    const client = await this.connections.beside(poolOf(dataSource));
    try {
      // Of the transaction, not of the session: it holds behind pgbouncer too.
      await client.query(BEGIN_LOCK);
      await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await createSchema(dataSource, this.schema.names.schema);
      await work();
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
  }

  async attach(dataSource: DataSource): Promise<void> {
    this.connections.attach(dataSource);
    const { rows } = await this.run(
      `SELECT current_setting('server_version_num'), current_setting('server_encoding')`,
    );
    const [version, encoding] = [Number(rows[0]![0]), rows[0]![1] as string];
    if (version < OLDEST) {
      throw new ConfigurationError(
        `The server ${this.place} is PostgreSQL ${Math.floor(version / 10_000)}. sitq needs 12 or newer.`,
        'type',
        version,
      );
    }
    if (!holdsAnyText(encoding)) this.logger?.warn(`${this.place}: ${encodingNote(encoding)}`);
  }

  async insert(tasks: readonly NewTask[], together: boolean): Promise<number[]> {
    if (!together) return this.insertInto(this.run, tasks, INSERT_TIMEOUT);
    return this.connections.transaction(
      (run) => this.insertInto(run, tasks),
      (refused) => refused.length === 0,
    );
  }

  private async insertInto(
    run: Run,
    tasks: readonly NewTask[],
    timeout?: number,
  ): Promise<number[]> {
    const added = await this.insertFree(run, tasks, timeout);
    return added === tasks.length ? [] : this.differing(run, tasks);
  }

  /** Inserts the tasks whose id is free. Resolves to their number. */
  private async insertFree(
    run: Run,
    tasks: readonly NewTask[],
    timeout: number | undefined,
  ): Promise<number> {
    const { sql } = this;
    if (this.settings.durability === 'relaxed') {
      const { rows } = await run(sql.insertRelaxed, insertColumns(tasks), { timeout });
      return rows[0]![0] as number;
    }
    const { rowCount } =
      tasks.length === 1
        ? await run(sql.insertOne, taskRow(tasks[0]!), { name: 'insert', timeout })
        : await run(sql.insert, insertColumns(tasks), { name: 'insert_many', timeout });
    return rowCount ?? 0;
  }

  /** Which tasks have an id that is stored with another name or payload. */
  private async differing(run: Run, tasks: readonly NewTask[]): Promise<number[]> {
    const { rows } = await run(this.sql.same, [tasks.map((task) => task.id)]);
    const stored = new Map(rows.map((row) => [row[0], row]));
    return tasks.flatMap((task, i) => {
      const [, name, payload] = stored.get(task.id) ?? [];
      return name === task.name && payload === task.payload ? [] : [i];
    });
  }

  async settle(settlements: readonly Settlement[]): Promise<Ended> {
    const values = [...settledColumns(settlements), this.relaxed];
    const { rows } = await this.run(this.sql.settle, values);
    return toEnded(rows[0]![0]);
  }

  async claim(
    { workerId, most, lanes }: ClaimOrder,
    settlements: readonly Settlement[],
  ): Promise<{ ended: Ended; tasks: ClaimedTask[] }> {
    const { sql } = this;
    const one = lanes.length === 1 ? lanes[0] : undefined;
    const what = one
      ? [
          workerId,
          most,
          one.queue,
          one.name,
          one.priority,
          bigint(one.from.eta),
          bigint(one.from.seq),
          one.maxAttempts,
          one.room,
        ]
      : [workerId, most, ...laneColumns(lanes)];
    if (settlements.length === 0) {
      const { rows } = await this.run(one ? sql.claimFromOne : sql.claim, what);
      return { ended: [], tasks: rows.map((row) => toClaimedTask(row, 0)) };
    }
    const values = [...settledColumns(settlements), ...what];
    const { rows } = await this.run(one ? sql.settleAndClaimFromOne : sql.settleAndClaim, values);
    const tasks = rows[0]![1] === null ? [] : rows.map((row) => toClaimedTask(row, 1));
    return { ended: toEnded(rows[0]![0]), tasks };
  }

  async requeue(
    requeues: readonly Requeue[],
  ): Promise<(LaneHead & { id: string; status: TaskStatus })[]> {
    const { rows } = await this.run(this.sql.requeue, requeueColumns(requeues));
    return rows.map(([id, , status, ...head]) => ({
      id: id as string,
      status: status as TaskStatus,
      ...toHead(head),
    }));
  }

  async reschedule(id: string, eta: number | null, error: string | null): Promise<LaneHead | null> {
    const { rows } = await this.run(this.sql.reschedule, [id, eta, error]);
    return rows[0] ? toHead(rows[0]) : null;
  }

  async cancelWaiting(id: string): Promise<boolean> {
    return (await this.run(this.sql.cancelWaiting, [id])).rowCount === 1;
  }

  async cancel(ids: readonly string[]): Promise<ReadonlyMap<string, TaskStatus>> {
    const changed = await this.run(this.sql.cancel, [ids]);
    const states = new Map(changed.rows as [string, TaskStatus][]);
    const others = ids.filter((id) => !states.has(id));
    if (others.length === 0) return states;
    const { rows } = await this.run(this.sql.statuses, [others]);
    for (const [id, status] of rows as [string, TaskStatus][]) states.set(id, status);
    return states;
  }

  async report(reports: readonly TaskReport[]): Promise<ReadonlySet<string>> {
    const lines = reports.flatMap(({ id, lines: own }) => own.map((line) => ({ id, ...line })));
    const values = [
      reports.map(({ id }) => id),
      reports.map(({ lease }) => lease),
      reports.map(({ progress }) => progress),
      lines.map(({ id }) => id),
      lines.map(({ attempt }) => attempt),
      lines.map(({ at }) => at),
      lines.map(({ line }) => line),
    ];
    const { rows } = await this.run(this.sql.report, values).catch((error: unknown) => {
      if (!isTaken(error)) throw error;
      return this.run(this.sql.reportBehind, values);
    });
    const held = rows as [seq: number, id: string, lease: number][];
    const logged = new Set(lines.map(({ id }) => id));
    const tasks = held.filter(([, id]) => logged.has(id));
    if (tasks.length > 0) {
      const places = [tasks.map(([seq]) => seq), tasks.map(([, id]) => id)];
      await this.run(this.sql.dropOldLines, places);
    }
    return new Set(held.map(([, id, lease]) => keyOf({ id, lease })));
  }

  async register(worker: WorkerRegistration, beat: WorkerBeat): Promise<void> {
    await this.run(this.sql.register, workerValues(worker, beat));
  }

  async renew(workerId: string, beat: WorkerBeat): Promise<boolean> {
    const values = [...beatValues(beat), workerId];
    const { rowCount } = await this.run(this.sql.renew, values, { timeout: beatTimeout(beat) });
    return rowCount === 1;
  }

  async extend(workerId: string): Promise<boolean> {
    return (await this.run(this.sql.extend, [workerId])).rowCount === 1;
  }

  async retire(workerId: string): Promise<void> {
    await this.run(this.sql.retire, [workerId]);
  }

  async bringForward(): Promise<number> {
    return (await this.run(this.sql.bringForward, [MOST_BROUGHT_FORWARD])).rowCount ?? 0;
  }

  async rescue(gone: readonly string[], silent: readonly Registration[]) {
    const [ids, held] = [
      silent.map(({ id }) => id),
      silent.map(({ expiresAt }) => bigint(expiresAt)),
    ];
    const { rows } = await this.run(this.sql.rescue, [gone, ids, held]);
    type Rescued = [
      string,
      string,
      string,
      number,
      'queued' | 'failed' | 'cancelled',
      string,
      number,
      number,
      number,
    ];
    return (rows as Rescued[]).map(
      ([id, name, workerId, attempt, status, queue, priority, eta, seq]) => {
        return { id, name, workerId, attempt, status, queue, priority, eta, seq };
      },
    );
  }

  async prune(status: TaskStatus, endedBefore: number, most: number): Promise<number> {
    return (await this.run(this.sql.prune, [status, endedBefore, most])).rowCount ?? 0;
  }

  threadBeat(): ThreadBeat {
    const connection = threadConnection('pg', this.connections.threadOptions());
    return { kind: 'pg', statement: this.sql.extend, takesTime: false, ...connection };
  }

  /** `off` leaves the fsync of what this transaction wrote to a later one. */
  private get relaxed(): string {
    return this.settings.durability === 'relaxed' ? 'off' : 'on';
  }
}

/** Looks first: who may create tables in a schema need not have the right to create schemas. */
async function createSchema(dataSource: DataSource, schema: string | undefined): Promise<void> {
  if (schema === undefined) return;
  const found = await dataSource.query<unknown[]>('SELECT FROM pg_namespace WHERE nspname = $1', [
    schema,
  ]);
  if (found.length === 0) await dataSource.query(`CREATE SCHEMA "${schema}"`);
}

function toEnded(keys: unknown): Ended {
  return keys === null ? null : (JSON.parse(keys as string) as string[]);
}
