import type { Client, CustomTypesConfig, Pool, PoolClient, QueryArrayResult } from 'pg';
import type { DataSource, DataSourceOptions } from 'typeorm';
import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type {
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { SitqLogger } from '../../../../core/logger.js';
import type { StoredError, StoredResult } from '../../../../core/result.js';
import type { NewTask, ReservedTask, StoredTask, TaskStatus } from '../../../../core/task.js';
import { ConfigurationError } from '../../../../errors/configuration.error.js';
import type { WorkerRow } from '../../entities/worker.entity.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { StoreSettings } from '../../store-settings.js';
import { RESULT_STATUS } from '../result-status.js';
import { keyOf } from '../server/lease-key.js';
import { poolSizeOf } from '../server/pool-size.js';
import type {
  ClaimedTask,
  ClaimOrder,
  Ended,
  KnownWorker,
  LaneHead,
  LaneOrder,
  Requeue,
  ServerDatabase,
  Settlement,
  StoredOutcome,
  TaskReport,
} from '../server/server-database.js';
import {
  isConflict,
  isMissingTable,
  isMistake,
  isOutage,
  isPreparedElsewhere,
  toBackendError,
} from './postgres.errors.js';
import { Notifications } from './notifications.js';
import { PostgresJoinedWrites } from './postgres.joined-writes.js';
import { postgresSchema } from './postgres.schema.js';
import { postgresStatements } from './postgres.statements.js';
import { Sockets } from '../server/sockets.js';
import { storedWorker } from '../stored-worker.js';

/** How long a statement may take before its connection counts as lost, in ms... */
const STATEMENT_TIMEOUT = 15_000;
/** ...and one about single tasks, whose callers have time for another connection then. */
const SHORT_TIMEOUT = 5000;
/** A sign of life has a third of its lease, but no less than so many ms. */
const SHORTEST_RENEWAL = 1000;
const CONNECT_TIMEOUT = 5000;
/** When an idle connection begins to show that it is alive, in ms: some networks forget it. */
const KEEP_ALIVE = 30_000;
const OLDEST = 120_000;
/** Any number that nobody else uses: the lock under which tables are changed. */
const SCHEMA_LOCK = 5_160_730_415;

/** However long others take, and we: a server may have limits for every statement. */
const BEGIN_LOCK = `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0`;

/** What our columns and expressions are; `pg` would give bigint as text. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  20: Number,
  21: Number,
  23: Number,
};
const TYPES = { getTypeParser: (oid: number) => PARSERS[oid] ?? String } as CustomTypesConfig;

type Row = unknown[];

/** How a statement is run. */
interface How {
  /** @default any connection of the pool */
  readonly via?: Pool | PoolClient;
  /** For a statement that the server may keep prepared, on each connection. */
  readonly name?: string;
  /** In ms. @default {@link STATEMENT_TIMEOUT} */
  readonly timeout?: number;
}

/** PostgreSQL through the `pg` pool of a TypeORM DataSource. Each method is one statement. */
export class PostgresDatabase implements ServerDatabase {
  readonly remedy =
    'Check host, port, database, username and password, and that the server accepts connections.';
  readonly place: string;
  readonly schema: SchemaTraits;
  readonly waker: Notifications;
  readonly joined: PostgresJoinedWrites;
  readonly isOutage = isOutage;
  readonly isMistake = isMistake;
  readonly isMissingTable = isMissingTable;
  readonly toBackendError = toBackendError;

  private readonly sql: ReturnType<typeof postgresStatements>;
  private readonly sockets: Sockets;
  /** Whether connections turned out to be shared through a pooler. */
  private isPooled = false;
  private pool!: Pool;
  private onTime!: (now: number) => void;

  constructor(
    private readonly settings: StoreSettings,
    logger: SitqLogger | undefined,
  ) {
    this.place = placeOf(settings.connection);
    this.schema = postgresSchema(settings.tablePrefix, settings.schema);
    this.sql = postgresStatements(this.schema.names);
    const ask = async (text: string) => (await this.run(text)).rows[0]?.[0];
    this.joined = new PostgresJoinedWrites(this.schema.names, ask);
    const { stream } = (settings.connection.extra ?? {}) as { stream?: never };
    this.sockets = new Sockets(stream);
    const channel = `${settings.schema ?? ''}.${settings.tablePrefix}change`;
    const connect = () => connectBeside(this.pool);
    this.waker = new Notifications(channel, settings.listen, connect, () => this.pool, logger);
  }

  /**
   * Also when a prepared statement is unknown: a pooler in transaction mode hands out sessions of
   * others. From then on nothing is prepared any more.
   */
  isConflict(error: unknown): boolean {
    if (isPreparedElsewhere(error)) this.isPooled = true;
    return isConflict(error) || isPreparedElsewhere(error);
  }

  dataSourceOptions(): DataSourceOptions {
    const { extra, ...connection } = this.settings.connection;
    return {
      poolSize: poolSizeOf(this.settings),
      connectTimeoutMS: CONNECT_TIMEOUT,
      applicationName: 'sitq',
      ...connection,
      ...(this.settings.schema === undefined ? {} : { schema: this.settings.schema }),
      installExtensions: false,
      poolErrorHandler: () => undefined, // an idle connection that breaks is replaced by the pool
      extra: {
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE,
        ...(extra as object),
        stream: this.sockets.create,
      },
    } as DataSourceOptions;
  }

  abandon(): void {
    this.sockets.destroyAll();
  }

  async withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
    const client = await connectBeside(poolOf(dataSource));
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

  async attach(dataSource: DataSource, onTime: (now: number) => void): Promise<void> {
    this.pool = poolOf(dataSource);
    this.onTime = onTime;
    const version = await this.pool.query<{ server_version_num: string }>(
      'SHOW server_version_num',
    );
    const number = Number(version.rows[0]!.server_version_num);
    if (number < OLDEST) {
      throw new ConfigurationError(
        `The server ${this.place} is PostgreSQL ${Math.floor(number / 10_000)}. sitq needs 12 or newer.`,
        'type',
        number,
      );
    }
    const [[now]] = (await this.run(this.sql.now)).rows as [[number]];
    onTime(now);
  }

  async insert(tasks: readonly NewTask[], together: boolean): Promise<number[]> {
    if (tasks.length === 1 && this.settings.durability === 'full') return this.insertOne(tasks[0]!);
    const values = [...columnsOf(tasks), this.relaxed];
    if (!together) {
      const added = await this.run(this.sql.insert, values, { timeout: SHORT_TIMEOUT });
      return this.inserted(tasks, added, this.pool);
    }
    const client = await this.pool.connect();
    const onError = () => undefined; // the statement under way fails with it
    client.on('error', onError);
    try {
      await this.run('BEGIN', [], { via: client });
      const added = await this.run(this.sql.insert, values, { via: client });
      const refused = await this.inserted(tasks, added, client);
      await this.run(refused.length > 0 ? 'ROLLBACK' : 'COMMIT', [], { via: client });
      client.off('error', onError);
      client.release();
      return refused;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  private async insertOne(task: NewTask): Promise<number[]> {
    const values = columnsOf([task]).map(([value]) => value);
    const { rowCount } = await this.run(this.sql.insertOne, values, {
      name: 'insert',
      timeout: SHORT_TIMEOUT,
    });
    return rowCount === 1 ? [] : this.differing([task], this.pool);
  }

  /** Which tasks were not stored because another one has their id. */
  private async inserted(
    tasks: readonly NewTask[],
    { rows }: QueryArrayResult<Row>,
    via: Pool | PoolClient,
  ): Promise<number[]> {
    const [count, now] = rows[0] as [number, number];
    this.onTime(now);
    return count === tasks.length ? [] : this.differing(tasks, via);
  }

  /** Which tasks have an id that is stored with another name or payload. */
  private async differing(tasks: readonly NewTask[], via: Pool | PoolClient): Promise<number[]> {
    const stored = new Map<unknown, Row>();
    const same = await this.run(this.sql.same, [tasks.map((task) => task.id)], { via });
    for (const row of same.rows) stored.set(row[0], row);
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
          one.from.eta,
          one.from.seq,
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

  async peek({ most, lanes }: Omit<ClaimOrder, 'workerId'>): Promise<string[]> {
    const { rows } = await this.run(this.sql.peek, [most, ...laneColumns(lanes)]);
    return rows.map(([id]) => id as string);
  }

  async findOutcomes(ids: readonly string[]): Promise<StoredOutcome[]> {
    const { rows } = await this.run(this.sql.outcomes, [ids]);
    return (rows as [string, number, TaskStatus, string | null, string | null][]).map(
      ([id, lease, status, result, error]) => ({ id, lease, status, result, error }),
    );
  }

  async findHeld(workerId: string): Promise<ClaimedTask[]> {
    const { rows } = await this.run(this.sql.holding, [workerId]);
    return rows.map((row) => toClaimedTask(row, 0));
  }

  async survey(): Promise<{ now: number; heads: LaneHead[]; took: number }> {
    const { rows } = await this.run(this.sql.survey);
    const heads = rows[0]![2] === null ? [] : rows.map((row) => toHead(row.slice(2)));
    // The last row was made last.
    return { now: rows[0]![0] as number, heads, took: Number(rows.at(-1)![1]) };
  }

  async requeue(
    requeues: readonly Requeue[],
  ): Promise<(LaneHead & { id: string; status: TaskStatus })[]> {
    const { rows } = await this.run(this.sql.requeue, [
      requeues.map(({ id }) => id),
      requeues.map(({ lease }) => lease),
      requeues.map(({ giveBack }) => (giveBack ? 1 : 0)),
      requeues.map(({ eta }) => eta),
      requeues.map(({ error }) => error),
    ]);
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
    const { rows } = await this.run(this.sql.report, [
      reports.map(({ id }) => id),
      reports.map(({ lease }) => lease),
      reports.map(({ progress }) => progress),
      lines.map(({ id }) => id),
      lines.map(({ attempt }) => attempt),
      lines.map(({ at }) => at),
      lines.map(({ line }) => line),
    ]);
    const held = rows as [seq: number, id: string, lease: number][];
    const logged = new Set(lines.map(({ id }) => id));
    const seqs = held.filter(([, id]) => logged.has(id)).map(([seq]) => seq);
    if (seqs.length > 0) await this.run(this.sql.dropOldLines, [seqs]);
    return new Set(held.map(([, id, lease]) => keyOf({ id, lease })));
  }

  async register(worker: WorkerRegistration, beat: WorkerBeat): Promise<void> {
    await this.run(this.sql.register, [
      worker.id,
      worker.host,
      worker.pid,
      worker.processIdentity,
      worker.version,
      worker.queues && JSON.stringify(worker.queues),
      JSON.stringify(worker.handlers),
      JSON.stringify(worker.limits),
      worker.concurrency,
      beat.lease,
      beat.inFlight,
      beat.stuck,
      JSON.stringify(beat.lingering),
      beat.loopLag,
    ]);
  }

  async renew(workerId: string, beat: WorkerBeat): Promise<boolean> {
    const { lease, inFlight, stuck, lingering, loopLag } = beat;
    const timeout = Math.min(STATEMENT_TIMEOUT, Math.max(SHORTEST_RENEWAL, lease / 3));
    const values = [workerId, lease, inFlight, stuck, JSON.stringify(lingering), loopLag];
    const { rows } = await this.run(this.sql.renew, values, { timeout });
    if (rows[0]) this.onTime(rows[0][0] as number);
    return rows.length === 1;
  }

  async extend(workerId: string): Promise<boolean> {
    return (await this.run(this.sql.extend, [workerId])).rowCount === 1;
  }

  async retire(workerId: string): Promise<void> {
    await this.run(this.sql.retire, [workerId]);
  }

  async findWorkers(): Promise<KnownWorker[]> {
    const { rows } = await this.run(this.sql.workers);
    return (rows as [string, string, number, string | null, boolean][]).map(
      ([id, host, pid, identity, expired]) => ({ id, host, pid, identity, expired }),
    );
  }

  async findOrphan(): Promise<{ found: boolean; took: number }> {
    const [[found, took]] = (await this.run(this.sql.orphan)).rows as [[boolean, string]];
    return { found, took: Number(took) };
  }

  async rescue(gone: readonly string[], expired: readonly string[]) {
    const { rows } = await this.run(this.sql.rescue, [gone, expired]);
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

  async findTask(taskId: string): Promise<StoredTask | null> {
    const { rows } = await this.run(this.sql.task, [taskId], { timeout: SHORT_TIMEOUT });
    if (!rows[0]) return null;
    const task = toReservedTask(rows[0], 0);
    const [status, workerId, cancelRequestedAt, startedAt, finishedAt, progress] =
      rows[0].slice(14);
    return {
      ...task,
      status,
      workerId,
      cancelRequestedAt,
      startedAt,
      finishedAt,
      progress,
    } as StoredTask;
  }

  async findResult(taskId: string): Promise<StoredResult | null> {
    const { rows } = await this.run(this.sql.result, [taskId], { timeout: SHORT_TIMEOUT });
    if (!rows[0]) return null;
    type Result = [TaskStatus, string | null, string | null, number, number | null];
    const [status, value, error, createdAt, completedAt] = rows[0] as Result;
    return {
      taskId,
      status: RESULT_STATUS[status],
      value,
      error: error === null ? null : (JSON.parse(error) as StoredError),
      createdAt,
      completedAt,
    };
  }

  async findLog(taskId: string): Promise<LogLine[] | null> {
    const { rows } = await this.run(this.sql.log, [taskId], { timeout: SHORT_TIMEOUT });
    if (rows.length === 0) return null;
    return (rows as [number | null, number, string][]).flatMap(([at, attempt, line]) =>
      at === null ? [] : [{ at, attempt, line }],
    );
  }

  async findCancelRequests(workerId: string, ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.run(this.sql.cancelRequests, [workerId, ids]);
    return rows.map(([id]) => id as string);
  }

  async count(): Promise<TaskCounts> {
    const counts: Record<keyof TaskCounts, number> = {
      queued: 0,
      scheduled: 0,
      running: 0,
      stuck: 0,
      blocked: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
    };
    const { rows } = await this.run(this.sql.counts);
    for (const [status, count, scheduled] of rows as [keyof TaskCounts, number, number | null][]) {
      counts[status] = count;
      if (status === 'queued') counts.scheduled = scheduled ?? 0;
    }
    return counts;
  }

  async listWorkers(): Promise<StoredWorker[]> {
    const { rows } = await this.run(this.sql.listWorkers);
    return (rows as [number, string, string | null][]).map(([now, row, running]) => {
      this.onTime(now);
      return storedWorker(JSON.parse(row) as WorkerRow, running, now);
    });
  }

  /** `off` leaves the fsync of what this transaction wrote to a later one. */
  private get relaxed(): string {
    return this.settings.durability === 'relaxed' ? 'off' : 'on';
  }

  private run(text: string, values: unknown[] = [], how: How = {}) {
    const { via = this.pool, name, timeout = STATEMENT_TIMEOUT } = how;
    const query = {
      text,
      name: this.isPooled ? undefined : name && this.schema.names.plain(name),
      values,
      rowMode: 'array' as const,
      types: TYPES,
      query_timeout: timeout,
    };
    return via.query<Row>(query);
  }
}

function columnsOf(tasks: readonly NewTask[]): unknown[][] {
  return [
    tasks.map((task) => task.id),
    tasks.map((task) => task.name),
    tasks.map((task) => task.queue),
    tasks.map((task) => task.payload),
    tasks.map((task) => task.priority),
    tasks.map((task) => task.eta),
    tasks.map((task) => task.maxAttempts),
    tasks.map((task) => task.timeout),
    tasks.map((task) => task.backoff),
    tasks.map((task) => task.meta),
    tasks.map((task) => task.createdAt),
  ];
}

function settledColumns(settlements: readonly Settlement[]): unknown[] {
  return [
    settlements.map(({ id }) => id),
    settlements.map(({ lease }) => lease),
    settlements.map(({ status }) => status),
    settlements.map(({ result }) => result),
    settlements.map(({ error }) => error),
  ];
}

function laneColumns(lanes: readonly LaneOrder[]): unknown[] {
  return [
    lanes.map((lane) => lane.queue),
    lanes.map((lane) => lane.name),
    lanes.map((lane) => lane.priority),
    lanes.map((lane) => lane.from.eta),
    lanes.map((lane) => lane.from.seq),
    lanes.map((lane) => lane.maxAttempts),
    lanes.map((lane) => lane.room),
  ];
}

function toEnded(keys: unknown): Ended {
  return keys === null ? null : (JSON.parse(keys as string) as string[]);
}

function toClaimedTask(row: Row, at: number): ClaimedTask {
  return Object.assign(toReservedTask(row, at), { seq: row[at] as number });
}

function toReservedTask(row: Row, at: number): ReservedTask {
  return {
    id: row[at + 1] as string,
    name: row[at + 2] as string,
    queue: row[at + 3] as string,
    payload: row[at + 4] as string,
    priority: row[at + 5] as number,
    eta: row[at + 6] as number,
    maxAttempts: row[at + 7] as number | null,
    timeout: row[at + 8] as number | null,
    backoff: row[at + 9] as string | null,
    meta: row[at + 10] as string | null,
    createdAt: row[at + 11] as number,
    attempt: row[at + 12] as number,
    lease: row[at + 13] as number,
  };
}

function toHead(row: Row): LaneHead {
  const [queue, name, priority, eta, seq] = row as [string, string, number, number, number];
  return { queue, name, priority, eta, seq };
}

function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}

/** A connection of its own with the options of a pool. */
async function connectBeside(pool: Pool): Promise<Client> {
  const { Client: Connection, options } = pool as unknown as {
    Client: new (options: unknown) => Client;
    options: unknown;
  };
  const client = new Connection(options);
  client.on('error', () => undefined); // whatever is under way fails with it
  await client.connect();
  return client;
}

/** Looks first: who may create tables in a schema need not have the right to create schemas. */
async function createSchema(dataSource: DataSource, schema: string | undefined): Promise<void> {
  if (schema === undefined) return;
  const found = await dataSource.query<unknown[]>('SELECT FROM pg_namespace WHERE nspname = $1', [
    schema,
  ]);
  if (found.length === 0) await dataSource.query(`CREATE SCHEMA "${schema}"`);
}

/** Without user and password. */
function placeOf(connection: Readonly<Record<string, unknown>>): string {
  if (typeof connection.url === 'string' && URL.canParse(connection.url)) {
    const { host, pathname } = new URL(connection.url);
    return `${host}${pathname}`;
  }
  const { host = 'localhost', port = 5432, database = '' } = connection;
  return `${String(host)}:${String(port)}/${String(database)}`;
}
