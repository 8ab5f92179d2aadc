import { connect, type Socket } from 'node:net';
import type { Pool } from 'mysql2';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type {
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';
import type { ThreadBeat } from '../../../../core/capabilities/thread-beating-backend.js';
import type { NewTask, TaskStatus } from '../../../../core/task.js';
import { BackendError } from '../../../../errors/backend.error.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { StoreSettings } from '../../store-settings.js';
import { keyOf } from '../server/lease-key.js';
import { placeOf } from '../server/place-of.js';
import { poolSizeOf } from '../server/pool-size.js';
import { toClaimedTask, toHead, type Row } from '../server/rows.js';
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
import { Sockets } from '../server/sockets.js';
import { beatTimeout, beatValues, workerValues } from '../server/worker-values.js';
import { threadConnection } from '../thread-connection.js';
import type { Registration } from '../worker-watch.js';
import { inPortions } from './in-portions.js';
import { liftCaution } from './lift-caution.js';
import { letProcessEnd } from './let-process-end.js';
import { MysqlConnections, type Run } from './mysql.connections.js';
import { isConflict, isMissingTable, isMistake, isOutage, toBackendError } from './mysql.errors.js';
import { MysqlJoinedWrites } from './mysql.joined-writes.js';
import { MysqlInserts } from './mysql.inserts.js';
import { laneValues, nextOf, union } from './mysql.lanes.js';

import { MysqlReads } from './mysql.reads.js';
import { MysqlRescue } from './mysql.rescue.js';
import { mysqlSchema } from './mysql.schema.js';
import { inspectServer } from './mysql.server.js';
import { LARGEST, mysqlStatements, type MysqlStatements } from './mysql.statements.js';

const PORT = 3306;
const CONNECT_TIMEOUT = 5000;
/** When an idle connection begins to show that it is alive, in ms: some networks forget it. */
const KEEP_ALIVE = 30_000;
/** How long to wait for others who change the tables, in s. */
const SCHEMA_PATIENCE = 30;
/** Of this database; names of locks are at most 64 characters long. */
const SCHEMA_LOCK = `LEFT(CONCAT('sitq:', DATABASE()), 64)`;
/** How our statements are written and their replies read, whatever the application does. */
const OF_OUR_OWN = {
  charset: 'utf8mb4',
  supportBigNumbers: true,
  bigNumberStrings: false,
  decimalNumbers: false,
  dateStrings: false,
  typeCast: true,
  multipleStatements: false,
  namedPlaceholders: false,
  queryFormat: undefined,
  flags: undefined, // FOUND_ROWS is among the default ones
  waitForConnections: true,
  queueLimit: 0,
  resetOnRelease: false,
};

/** MySQL or MariaDB through the `mysql2` pool of a TypeORM DataSource. */
export class MysqlDatabase implements ServerDatabase {
  readonly remedy =
    'Check host, port, database, username and password, and that the server accepts connections.';
  readonly place: string;
  readonly schema: SchemaTraits;
  readonly waker = null;
  readonly joined: MysqlJoinedWrites;
  readonly reads: MysqlReads;
  readonly prepareConnections = liftCaution;
  readonly isOutage = isOutage;
  readonly isConflict = isConflict;
  readonly isMistake = isMistake;
  readonly isMissingTable = isMissingTable;
  readonly toBackendError = toBackendError;

  private readonly sql: MysqlStatements;
  private readonly inserts: MysqlInserts;
  private readonly rescues: MysqlRescue;
  private readonly sockets: Sockets;
  private connections!: MysqlConnections;
  private threadOptions: object = {};

  constructor(private readonly settings: StoreSettings) {
    this.place = placeOf(settings.connection, PORT);
    this.schema = mysqlSchema(settings.tablePrefix);
    this.sql = mysqlStatements(this.schema.names);
    this.reads = new MysqlReads(this.run, this.sql);
    this.inserts = new MysqlInserts(this.sql);
    this.rescues = new MysqlRescue(this.sql);
    this.joined = new MysqlJoinedWrites(
      this.schema.names,
      async (text) => (await this.run(text)).rows[0]?.[0],
    );
    const { stream = dial } = (settings.connection.extra ?? {}) as { stream?: typeof dial };
    this.sockets = new Sockets(stream as (options: unknown) => Socket);
  }

  dataSourceOptions(): DataSourceOptions {
    const { extra, ...connection } = this.settings.connection;
    return {
      poolSize: poolSizeOf(this.settings),
      connectTimeout: CONNECT_TIMEOUT,
      ...connection,
      legacySpatialSupport: false,
      extra: { ...(extra as object), ...OF_OUR_OWN, stream: this.sockets.create },
    } as DataSourceOptions;
  }

  abandon(): void {
    this.sockets.destroyAll();
  }

  /** On a connection of its own: the pool may have no second one. */
  async withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
    await inspectServer(dataSource, this.place);
    const beside = new DataSource({
      ...this.dataSourceOptions(),
      poolSize: 1,
    } as DataSourceOptions);
    await beside.initialize();
    try {
      const [{ got }] = await beside.query<[{ got: number }]>(
        `SELECT GET_LOCK(${SCHEMA_LOCK}, ${SCHEMA_PATIENCE}) AS got`,
      );
      if (got !== 1) throw lockedOut(this.place);
      await work();
      await beside.query(`SELECT RELEASE_LOCK(${SCHEMA_LOCK})`);
    } finally {
      await beside.destroy();
    }
  }

  async attach(dataSource: DataSource): Promise<void> {
    const { pool } = dataSource.driver as unknown as { pool: Pool };
    letProcessEnd(pool);
    const { packet } = await inspectServer(dataSource, this.place);
    this.connections = new MysqlConnections(pool, packet);
    this.threadOptions = threadOptions(pool, this.settings);
  }

  async insert(tasks: readonly NewTask[], together: boolean): Promise<number[]> {
    if (!together) return this.inserts.insert(this.run, tasks, false);
    return this.connections.transaction(
      (run) => this.inserts.insert(run, tasks, true),
      (refused) => refused.length === 0,
    );
  }

  settle(settlements: readonly Settlement[]): Promise<Ended> {
    return this.connections.transaction((run) => this.settleIn(run, settlements));
  }

  private async settleIn(run: Run, settlements: readonly Settlement[]): Promise<Ended> {
    const held = await this.lockHeld(run, byLease(settlements));
    await inPortions(held, async (part) => {
      const seqs = part.map(({ seq }) => seq);
      await run(this.sql.settle, [
        seqs,
        part.map(({ wish }) => wish.status),
        seqs,
        part.map(({ wish }) => wish.result),
        seqs,
        part.map(({ wish }) => wish.error),
        seqs,
      ]);
    });
    return held.length === settlements.length ? null : held.map(({ wish }) => keyOf(wish));
  }

  /** Locks the running tasks with the current lease, in the order of their places. */
  private async lockHeld<W extends { id: string; lease: number }>(
    run: Run,
    wanted: ReadonlyMap<string, W>,
  ): Promise<{ seq: number; wish: W; row: Row }[]> {
    const held: { seq: number; wish: W; row: Row }[] = [];
    await inPortions([...wanted.values()], async (part) => {
      const { rows } = await run(this.sql.lockRunning, [part.map(({ id }) => id)]);
      for (const row of rows) {
        const [seq, id, lease] = row as [number, string, number];
        const wish = wanted.get(keyOf({ id, lease }));
        if (wish) held.push({ seq, wish, row });
      }
    });
    return held.sort((a, b) => a.seq - b.seq);
  }

  claim(
    order: ClaimOrder,
    settlements: readonly Settlement[],
  ): Promise<{ ended: Ended; tasks: ClaimedTask[] }> {
    return this.connections.transaction(async (run) => {
      const ended = settlements.length > 0 ? await this.settleIn(run, settlements) : [];
      return { ended, tasks: await this.claimIn(run, order) };
    });
  }

  private async claimIn(run: Run, order: ClaimOrder): Promise<ClaimedTask[]> {
    const { workerId, lanes } = order;
    const attempts = new Map(lanes.map(({ name, maxAttempts }) => [name, maxAttempts]));
    const takes = (await this.sharesOf(run, order)).flatMap((most, lane) =>
      most > 0 ? [[workerId, ...laneValues(lanes[lane]!), most]] : [],
    );
    if (takes.length === 0) return [];
    const { rows } = await run(union(this.sql.take, takes.length), takes.flat());
    const tasks = rows.map((row) => toTaken(row, attempts));
    const places = tasks.toSorted((a, b) => a.seq - b.seq);
    await inPortions(places, async (part) => {
      const seqs = part.map(({ seq }) => seq);
      await run(this.sql.claim, [workerId, seqs, part.map((task) => task.maxAttempts), seqs]);
    });
    return tasks;
  }

  /** How many of the next tasks are in each lane. */
  private async sharesOf(run: Run, { most, lanes }: ClaimOrder): Promise<number[]> {
    if (lanes.length === 1) return [Math.min(most, lanes[0]!.room)];
    const [text, values] = nextOf(this.sql, { most, lanes });
    const shares = lanes.map(() => 0);
    for (const [lane] of (await run(text, values)).rows as [number][]) shares[lane]! += 1;
    return shares;
  }

  requeue(
    requeues: readonly Requeue[],
  ): Promise<(LaneHead & { id: string; status: TaskStatus })[]> {
    return this.connections.transaction(async (run) => {
      const held = await this.lockHeld(run, byLease(requeues));
      await inPortions(held, async (part) => {
        const seqs = part.map(({ seq }) => seq);
        await run(this.sql.requeue, [
          seqs,
          part.map(({ wish }) => (wish.giveBack ? 1 : 0)),
          seqs,
          part.map(({ wish }) => wish.eta),
          seqs,
          part.map(({ wish }) => wish.error),
          seqs,
        ]);
      });
      return held.map(({ seq, wish, row }) => {
        const [cancelRequestedAt, queue, name, priority, eta] = row.slice(3);
        const status = cancelRequestedAt === null ? 'queued' : 'cancelled';
        return { id: wish.id, status, ...toHead([queue, name, priority, wish.eta ?? eta, seq]) };
      });
    });
  }

  reschedule(id: string, eta: number | null, error: string | null): Promise<LaneHead | null> {
    return this.connections.transaction(async (run) => {
      if ((await run(this.sql.reschedule, [eta, error, id])).count === 0) return null;
      return toHead((await run(this.sql.head, [id])).rows[0]!);
    });
  }

  async cancelWaiting(id: string): Promise<boolean> {
    return (await this.run(this.sql.cancelWaiting, [id])).count === 1;
  }

  cancel(ids: readonly string[]): Promise<ReadonlyMap<string, TaskStatus>> {
    return this.connections.transaction(async (run) => {
      const states = new Map<string, TaskStatus>();
      await inPortions(ids, async (part) => {
        const { rows } = await run(this.sql.lock, [part]);
        const found = rows as [number, string, TaskStatus][];
        for (const [, id, status] of found) states.set(id, afterCancel(status));
        const open = found.filter(([, , status]) => OPEN.has(status));
        if (open.length > 0) await run(this.sql.cancel, [open.map(([seq]) => seq)]);
      });
      return states;
    });
  }

  report(reports: readonly TaskReport[]): Promise<ReadonlySet<string>> {
    return this.connections.transaction(async (run) => {
      const wanted = byLease(reports);
      const held = new Map<string, [seq: number, createdAt: number]>();
      await inPortions([...wanted.values()], async (part) => {
        const { rows } = await run(this.sql.reporting, [part.map(({ id }) => id)]);
        for (const [seq, id, lease, createdAt] of rows as [number, string, number, number][]) {
          const key = keyOf({ id, lease });
          if (wanted.has(key)) held.set(key, [seq, createdAt]);
        }
      });
      const kept = [...held].map(([key, [seq, createdAt]]) => ({
        ...wanted.get(key)!,
        seq,
        createdAt,
      }));
      await this.keep(run, kept);
      return new Set(held.keys());
    });
  }

  private async keep(
    run: Run,
    reports: readonly (TaskReport & { seq: number; createdAt: number })[],
  ): Promise<void> {
    const progress = reports.filter((report) => report.progress !== null);
    await inPortions(progress, async (part) => {
      const rows = part.map((report) => [...tieOf(report), report.progress]);
      await run(this.sql.keepProgress, [rows]);
    });
    const lines = reports.flatMap((report) =>
      report.lines.map(({ attempt, at, line }) => [...tieOf(report), attempt, at, line]),
    );
    await inPortions(lines, async (part) => void (await run(this.sql.keepLines, [part])));
    for (const { id, lines: own, seq } of reports) {
      if (own.length > 0) await run(this.sql.dropOldLines, [seq, id, seq, id]);
    }
  }

  async register(worker: WorkerRegistration, beat: WorkerBeat): Promise<void> {
    await this.run(this.sql.register, workerValues(worker, beat));
  }

  async renew(workerId: string, beat: WorkerBeat): Promise<boolean> {
    const values = [...beatValues(beat), workerId];
    return (await this.run(this.sql.renew, values, beatTimeout(beat))).count === 1;
  }

  async extend(workerId: string): Promise<boolean> {
    return (await this.run(this.sql.extend, [workerId])).count === 1;
  }

  async retire(workerId: string): Promise<void> {
    await this.run(this.sql.retire, [workerId]);
  }

  rescue(gone: readonly string[], silent: readonly Registration[]) {
    return this.connections.transaction((run) => this.rescues.rescue(run, gone, silent));
  }

  bringForward(): Promise<number> {
    return this.rescues.bringForward(this.run);
  }

  prune(status: TaskStatus, endedBefore: number, most: number): Promise<number> {
    return this.connections.transaction(async (run) => {
      const { rows } = await run(this.sql.ended, [status, endedBefore, most]);
      if (rows.length === 0) return 0;
      const seqs = JSON.stringify(rows.map(([seq]) => seq));
      await run(this.sql.dropLines, [seqs]);
      await run(this.sql.dropProgress, [seqs]);
      await run(this.sql.dropTasks, [seqs]);
      return rows.length;
    });
  }

  threadBeat(): ThreadBeat {
    const connection = threadConnection('mysql2/promise', this.threadOptions);
    return { kind: 'mysql2', statement: this.sql.extend, takesTime: false, ...connection };
  }

  private readonly run: Run = (...statement) => this.connections.run(...statement);
}

/** What a connection beside the pool is made with; sockets are only ours to make. */
function threadOptions(pool: Pool, settings: StoreSettings): object {
  const { connectionConfig } = (pool as unknown as { config: { connectionConfig: object } }).config;
  const names = ['host', 'port', 'user', 'password', 'database', 'socketPath', 'ssl'] as const;
  const config = connectionConfig as Readonly<Record<string, unknown>>;
  const { stream } = (settings.connection.extra ?? {}) as { stream?: unknown };
  return { ...Object.fromEntries(names.map((name) => [name, config[name]])), stream };
}

/** As the driver does, which leaves it to whoever makes sockets. */
function dial({ config }: { config: { host: string; port: number; socketPath?: string } }): Socket {
  const { host, port, socketPath } = config;
  if (socketPath !== undefined) return connect(socketPath);
  return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE });
}

/** By task and lease; of two with the same the first one counts. */
function byLease<T extends { id: string; lease: number }>(items: readonly T[]): Map<string, T> {
  return new Map(items.toReversed().map((item) => [keyOf(item), item]));
}

/** States that a cancel changes something about. */
const OPEN: ReadonlySet<TaskStatus> = new Set<TaskStatus>(['queued', 'blocked', 'running']);

function afterCancel(status: TaskStatus): TaskStatus {
  return OPEN.has(status) && status !== 'running' ? 'cancelled' : status;
}

/** What ties a report to its task. */
function tieOf({ seq, id, createdAt }: { seq: number; id: string; createdAt: number }): unknown[] {
  return [seq, id, createdAt];
}

/** A task as it is once the claim has counted it. */
function toTaken(row: Row, attempts: ReadonlyMap<string, number>): ClaimedTask {
  const task = toClaimedTask(row);
  const { attempt, lease, maxAttempts = null } = task;
  return {
    ...task,
    attempt: Math.min(attempt + 1, LARGEST),
    lease: Math.min(lease + 1, LARGEST),
    maxAttempts: maxAttempts ?? attempts.get(task.name)!,
  };
}

function lockedOut(place: string): BackendError {
  return new BackendError(
    `Somebody else has been changing the tables in ${place} for ${SCHEMA_PATIENCE} s.`,
    { transient: true },
  );
}
