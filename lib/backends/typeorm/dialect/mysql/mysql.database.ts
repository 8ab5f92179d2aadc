import { connect, type Socket } from 'node:net';
import type { Pool } from 'mysql2';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type {
  RescuedTask,
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { StoredError, StoredResult } from '../../../../core/result.js';
import type { NewTask, ReservedTask, StoredTask, TaskStatus } from '../../../../core/task.js';
import { BackendError } from '../../../../errors/backend.error.js';
import type { WorkerRow } from '../../entities/worker.entity.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { StoreSettings } from '../../store-settings.js';
import { RESULT_STATUS } from '../result-status.js';
import { keyOf } from '../server/lease-key.js';
import { poolSizeOf } from '../server/pool-size.js';
import type {
  Changes,
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
import { Sockets } from '../server/sockets.js';
import { storedWorker } from '../stored-worker.js';
import { taskRow } from '../task-row.js';
import { inPortions } from './in-portions.js';
import { MysqlConnections, type Row, type Run } from './mysql.connections.js';
import {
  isConflict,
  isMissingTable,
  isMistake,
  isOutage,
  isTaken,
  toBackendError,
} from './mysql.errors.js';
import { MysqlJoinedWrites } from './mysql.joined-writes.js';
import { mysqlSchema } from './mysql.schema.js';
import { inspectServer } from './mysql.server.js';
import { mysqlStatements } from './mysql.statements.js';

const CONNECT_TIMEOUT = 5000;
/** When an idle connection begins to show that it is alive, in ms: some networks forget it. */
const KEEP_ALIVE = 30_000;
/** How long single tasks may take to be stored: then there is time for another connection, in ms. */
const INSERT_TIMEOUT = 5000;
/** A sign of life has a third of its lease, but no less than so many ms. */
const SHORTEST_RENEWAL = 1000;
const LONGEST_RENEWAL = 15_000;
/** How long to wait for others who change the tables, in s. */
const SCHEMA_PATIENCE = 30;
/** Of this database; names of locks are at most 64 characters long. */
const SCHEMA_LOCK = `LEFT(CONCAT('sitq:', DATABASE()), 64)`;
/** How long the server's time is good for without a look at it, in ms. */
const CLOCK_INTERVAL = 10_000;

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
  readonly isOutage = isOutage;
  readonly isConflict = isConflict;
  readonly isMistake = isMistake;
  readonly isMissingTable = isMissingTable;
  readonly toBackendError = toBackendError;

  private readonly sql: ReturnType<typeof mysqlStatements>;
  private readonly sockets: Sockets;
  private connections!: MysqlConnections;
  private onTime!: (now: number) => void;
  private heardAt = -Infinity;

  constructor(private readonly settings: StoreSettings) {
    this.place = placeOf(settings.connection);
    this.schema = mysqlSchema(settings.tablePrefix);
    this.sql = mysqlStatements(this.schema.names);
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

  async attach(dataSource: DataSource, onTime: (now: number) => void): Promise<void> {
    const { packet } = await inspectServer(dataSource, this.place);
    const { pool } = dataSource.driver as unknown as { pool: Pool };
    this.connections = new MysqlConnections(pool, packet);
    this.onTime = (now) => {
      this.heardAt = performance.now();
      onTime(now);
    };
    await this.readClock();
  }

  async insert(tasks: readonly NewTask[], together: boolean): Promise<number[]> {
    if (performance.now() - this.heardAt > CLOCK_INTERVAL) await this.readClock();
    if (!together) return this.insertInto(this.run, tasks, false);
    return this.connections.transaction(
      (run) => this.insertInto(run, tasks, true),
      (refused) => refused.length === 0,
    );
  }

  private async insertInto(
    run: Run,
    tasks: readonly NewTask[],
    together: boolean,
  ): Promise<number[]> {
    const byId = new Map<string, NewTask>();
    for (const task of tasks) if (!byId.has(task.id)) byId.set(task.id, task);
    const refused = tasks.flatMap((task, i) => (isSame(task, byId.get(task.id)!) ? [] : [i]));
    if (together && refused.length > 0) return refused;
    const taken = new Map<string, Content>();
    await inPortions([...byId.values()], (part) => this.insertFree(run, part, taken));
    return tasks.flatMap((task, i) => {
      const content = taken.get(task.id) ?? byId.get(task.id)!;
      return isSame(task, content) ? [] : [i];
    });
  }

  /** Inserts the tasks whose id is free, and adds what is stored under the ids that are not. */
  private async insertFree(
    run: Run,
    tasks: readonly NewTask[],
    taken: Map<string, Content>,
  ): Promise<void> {
    // More than once, since others insert meanwhile. IGNORE would ignore other errors too.
    for (let free = tasks; free.length > 0; free = free.filter(({ id }) => !taken.has(id))) {
      try {
        await run(this.sql.insert, [free.map(taskRow)], INSERT_TIMEOUT);
        return;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
      const { rows } = await run(this.sql.stored, [free.map(({ id }) => id)]);
      for (const [id, name, payload] of rows as string[][]) {
        taken.set(id!, { name: name!, payload: payload! });
      }
    }
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
    const [text, values] = this.next({ most, lanes });
    const shares = lanes.map(() => 0);
    for (const [lane] of (await run(text, values)).rows as [number][]) shares[lane]! += 1;
    return shares;
  }

  private next({ most, lanes }: Omit<ClaimOrder, 'workerId'>): [text: string, values: unknown[]] {
    const handlers = [...new Set(lanes.map(({ name }) => name))];
    const heads = lanes.flatMap((lane, i) => {
      const { name, priority, room } = lane;
      const columns = [i, priority, handlers.indexOf(name), room];
      return [...columns, ...laneValues(lane), Math.min(most, room)];
    });
    const { sql } = this;
    const next = lanes.some(({ room }) => room < most) ? sql.nextWithin : sql.next;
    return [next(union(sql.ahead, lanes.length)), [...heads, most]];
  }

  async peek(order: Omit<ClaimOrder, 'workerId'>): Promise<string[]> {
    const [text, values] = this.next(order);
    return (await this.run(this.sql.ids(text), values)).rows.map(([id]) => id as string);
  }

  async findOutcomes(ids: readonly string[]): Promise<StoredOutcome[]> {
    const outcomes: StoredOutcome[] = [];
    await inPortions(ids, async (part) => {
      const { rows } = await this.run(this.sql.outcomes, [part]);
      for (const [id, lease, status, result, error] of rows as StoredOutcomeRow[]) {
        outcomes.push({ id, lease, status, result, error });
      }
    });
    return outcomes;
  }

  async findHeld(workerId: string): Promise<ClaimedTask[]> {
    return (await this.run(this.sql.holding, [workerId])).rows.map(toClaimedTask);
  }

  async survey(): Promise<{ now: number; heads: LaneHead[]; took: number }> {
    const { rows } = await this.run(this.sql.survey);
    const [, , , now, took] = rows.pop() as [null, null, null, number, number];
    this.onTime(now);
    return { now, heads: rows.map((row) => toHead([...row.slice(0, 4), 0])), took };
  }

  async countChanges(since: number): Promise<Changes> {
    const { rows } = await this.run(this.sql.changes, [since, since]);
    const [ended, cancels] = rows[0] as [number, number];
    return { ended, cancels };
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
      const held = new Map<string, number>();
      await inPortions([...wanted.values()], async (part) => {
        const { rows } = await run(this.sql.reporting, [part.map(({ id }) => id)]);
        for (const [seq, id, lease] of rows as [number, string, number][]) {
          if (wanted.has(keyOf({ id, lease }))) held.set(keyOf({ id, lease }), seq);
        }
      });
      const kept = [...held].map(([key, seq]) => ({ seq, ...wanted.get(key)! }));
      await this.keep(run, kept);
      return new Set(held.keys());
    });
  }

  private async keep(run: Run, reports: readonly (TaskReport & { seq: number })[]): Promise<void> {
    const progress = reports.filter((report) => report.progress !== null);
    await inPortions(progress, async (part) => {
      await run(this.sql.keepProgress, [part.map(({ seq, progress: value }) => [seq, value])]);
    });
    const lines = reports.flatMap(({ seq, lines: own }) => own.map((line) => ({ seq, ...line })));
    await inPortions(lines, async (part) => {
      const rows = part.map(({ seq, attempt, at, line }) => [seq, attempt, at, line]);
      await run(this.sql.keepLines, [rows]);
    });
    for (const seq of new Set(lines.map((line) => line.seq))) {
      await run(this.sql.dropOldLines, [seq, seq]);
    }
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
      beat.lease,
      beat.inFlight,
      beat.stuck,
      JSON.stringify(beat.lingering),
      beat.loopLag,
    ]);
  }

  async renew(workerId: string, beat: WorkerBeat): Promise<boolean> {
    const { lease, inFlight, stuck, lingering, loopLag } = beat;
    const values = [lease, inFlight, stuck, JSON.stringify(lingering), loopLag, workerId];
    const timeout = Math.min(LONGEST_RENEWAL, Math.max(SHORTEST_RENEWAL, lease / 3));
    return (await this.run(this.sql.renew, values, timeout)).count === 1;
  }

  async extend(workerId: string): Promise<boolean> {
    return (await this.run(this.sql.extend, [workerId])).count === 1;
  }

  async retire(workerId: string): Promise<void> {
    await this.run(this.sql.retire, [workerId]);
  }

  async findWorkers(): Promise<KnownWorker[]> {
    const { rows } = await this.run(this.sql.workers);
    return (rows as [string, string, number, string | null, number][]).map(
      ([id, host, pid, identity, expired]) => ({ id, host, pid, identity, expired: expired === 1 }),
    );
  }

  async findOrphan(): Promise<{ found: boolean; took: number }> {
    const [[found, took]] = (await this.run(this.sql.orphan)).rows as [[number, number]];
    return { found: found === 1, took };
  }

  rescue(gone: readonly string[], expired: readonly string[]) {
    return this.connections.transaction(async (run) => {
      const suspects = [...gone, ...expired];
      const lost =
        suspects.length === 0
          ? []
          : (await run(this.sql.lockLost, [suspects, listed(gone)])).rows.map(([id]) => id);
      // First of all: what is left locked below then belongs to nobody, and the next look finds it.
      if (lost.length > 0) await run(this.sql.dropWorkers, [lost]);
      const rescued: (RescuedTask & LaneHead)[] = [];
      for (;;) {
        const { rows } = await run(this.sql.abandoned, [listed(lost)]);
        const found = rows.length === 0 ? [] : await this.rescueIn(run, rows as Abandoned[]);
        rescued.push(...found);
        if (found.length === 0) break; // what is left is locked by whoever is at work on it
      }
      return rescued;
    });
  }

  private async rescueIn(run: Run, abandoned: readonly Abandoned[]) {
    const leases = new Map(abandoned);
    const locked = await run(this.sql.lockAbandoned, [[...leases.keys()]]);
    // Its lease tells that nobody has claimed it since.
    const rows = locked.rows.filter(([seq, lease]) => leases.get(seq as number) === lease);
    if (rows.length === 0) return [];
    const rescued = rows.map(toRescued).sort((a, b) => a.seq - b.seq);
    const seqs = rescued.map(({ seq }) => seq);
    const errors = rescued.map((task) => JSON.stringify(workerLost(task)));
    await run(this.sql.rescue, [seqs, errors, seqs]);
    return rescued;
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

  async findTask(taskId: string): Promise<StoredTask | null> {
    const { rows } = await this.run(this.sql.task, [taskId]);
    if (!rows[0]) return null;
    const { seq: _, ...task } = toClaimedTask(rows[0]);
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
    const { rows } = await this.run(this.sql.result, [taskId]);
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
    const { rows } = await this.run(this.sql.log, [taskId]);
    if (rows.length === 0) return null;
    return (rows as [number | null, number, string][]).flatMap(([at, attempt, line]) =>
      at === null ? [] : [{ at, attempt, line }],
    );
  }

  async findCancelRequests(workerId: string, ids: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    await inPortions(ids, async (part) => {
      const { rows } = await this.run(this.sql.cancelRequests, [part, workerId]);
      found.push(...rows.map(([id]) => id as string));
    });
    return found;
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
    for (const [status, count] of rows as [keyof TaskCounts, number][]) counts[status] = count;
    return counts;
  }

  async listWorkers(): Promise<StoredWorker[]> {
    const { rows } = await this.run(this.sql.listWorkers);
    const workers = new Map<string, { row: WorkerRow; running: Map<string, number> }>();
    let now = 0;
    for (const values of rows) {
      const row = toWorkerRow(values);
      const [name, tasks] = values.slice(15) as [string | null, number];
      if (!workers.has(row.id)) workers.set(row.id, { row, running: new Map() });
      if (name !== null) workers.get(row.id)!.running.set(name, tasks);
      this.onTime((now = values[0] as number));
    }
    return [...workers.values()].map(({ row, running }) =>
      storedWorker(row, JSON.stringify(Object.fromEntries(running)), now),
    );
  }

  private async readClock(): Promise<void> {
    this.onTime((await this.run(this.sql.now)).rows[0]![0] as number);
  }

  private readonly run: Run = (...statement) => this.connections.run(...statement);
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

interface Content {
  readonly name: string;
  readonly payload: string;
}

function isSame(one: Content, other: Content): boolean {
  return one.name === other.name && one.payload === other.payload;
}

type StoredOutcomeRow = [string, number, TaskStatus, string | null, string | null];

/** Place and lease. */
type Abandoned = [seq: number, lease: number];

/** States that a cancel changes something about. */
const OPEN: ReadonlySet<TaskStatus> = new Set<TaskStatus>(['queued', 'blocked', 'running']);

function afterCancel(status: TaskStatus): TaskStatus {
  return OPEN.has(status) && status !== 'running' ? 'cancelled' : status;
}

/** A list for IN (...), which must not be empty. */
function listed(values: readonly unknown[]): readonly unknown[] {
  return values.length > 0 ? values : [null];
}

function union(select: string, times: number): string {
  return times === 1 ? select : Array<string>(times).fill(`(${select})`).join(' UNION ALL ');
}

function laneValues({ queue, name, priority, from }: LaneOrder): unknown[] {
  return [queue, name, priority, from.eta];
}

function toClaimedTask(row: Row): ClaimedTask {
  return Object.assign(toReservedTask(row), { seq: row[0] as number });
}

function toReservedTask(row: Row): ReservedTask {
  return {
    id: row[1] as string,
    name: row[2] as string,
    queue: row[3] as string,
    payload: row[4] as string,
    priority: row[5] as number,
    eta: row[6] as number,
    maxAttempts: row[7] as number | null,
    timeout: row[8] as number | null,
    backoff: row[9] as string | null,
    meta: row[10] as string | null,
    createdAt: row[11] as number,
    attempt: row[12] as number,
    lease: row[13] as number,
  };
}

/** A task as it is once the claim has counted it. */
function toTaken(row: Row, attempts: ReadonlyMap<string, number>): ClaimedTask {
  const task = toClaimedTask(row);
  const { attempt, lease, maxAttempts = null } = task;
  return {
    ...task,
    attempt: attempt + 1,
    lease: lease + 1,
    maxAttempts: maxAttempts ?? attempts.get(task.name)!,
  };
}

function toHead(row: Row): LaneHead {
  const [queue, name, priority, eta, seq] = row as [string, string, number, number, number];
  return { queue, name, priority, eta, seq };
}

function toRescued(row: Row): RescuedTask & LaneHead {
  const [seq, , id, name, workerId, attempt, most, cancelRequestedAt, queue, priority, eta] =
    row as [
      number,
      number,
      string,
      string,
      string,
      number,
      number,
      number | null,
      string,
      number,
      number,
    ];
  const status = cancelRequestedAt !== null ? 'cancelled' : attempt < most ? 'queued' : 'failed';
  return { id, name, workerId, attempt, status, queue, priority, eta, seq };
}

function workerLost({ workerId, attempt }: RescuedTask): StoredError {
  return {
    name: 'WorkerLostError',
    message: `Worker ${workerId} died or lost its lease during attempt ${attempt}.`,
    stack: null,
    code: 'SITQ_WORKER_LOST',
  };
}

function toWorkerRow(row: Row): WorkerRow {
  const columns = [
    'now',
    'id',
    'host',
    'pid',
    'version',
    'queues',
    'handlers',
    'limits',
    'concurrency',
    'stuck',
    'lingering',
    'loop_lag',
    'lease',
    'expires_at',
    'started_at',
  ];
  return Object.fromEntries(columns.map((column, i) => [column, row[i]])) as unknown as WorkerRow;
}

function lockedOut(place: string): BackendError {
  return new BackendError(
    `Somebody else has been changing the tables in ${place} for ${SCHEMA_PATIENCE} s.`,
    { transient: true },
  );
}

/** Without user and password. */
function placeOf(connection: Readonly<Record<string, unknown>>): string {
  if (typeof connection.url === 'string' && URL.canParse(connection.url)) {
    const { host, pathname } = new URL(connection.url);
    return `${host}${pathname}`;
  }
  const { host = 'localhost', port = 3306, database = '', socketPath } = connection;
  return `${socketPath === undefined ? `${String(host)}:${String(port)}` : String(socketPath)}/${String(database)}`;
}
