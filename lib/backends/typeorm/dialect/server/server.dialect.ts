import type { DataSource, DataSourceOptions } from 'typeorm';
import type { ReserveRequest } from '../../../../core/backend.js';
import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type { ThreadBeat } from '../../../../core/capabilities/thread-beating-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { StoredResult } from '../../../../core/result.js';
import type { NewTask, StoredTask } from '../../../../core/task.js';
import type { BackendError } from '../../../../errors/backend.error.js';
import type { SchemaTraits } from '../../schema-traits.js';
import { tryAgain } from '../../try-again.js';
import type { Waker } from '../../waker.js';
import type { WriteBatch } from '../../write-batch.js';
import type { CommitGroup, Dialect } from '../dialect.js';
import type { JoinedWrites } from '../joined-writes.js';
import { Claims } from './claims.js';
import { PollingWaker } from './polling-waker.js';
import { ServerClock } from './server-clock.js';
import type { ServerDatabase } from './server-database.js';
import type { ServerReads } from './server-reads.js';
import { ServerWrites } from './server.writes.js';
import { Turns } from './turns.js';

/** How long deadlocks and the like are tried again, in ms. */
const CONFLICT_PATIENCE = 15_000;
/** How long a lost server is tried again before callers hear of it, in ms. */
const OUTAGE_PATIENCE = 5000;
/** How long an enqueue takes at most, also where the server neither answers nor refuses, in ms. */
const ENQUEUE_DEADLINE = 15_000;
/** So many connections are used for writing when everything happens at once, mostly. */
const WRITERS = 3;

/** What PostgreSQL and MySQL have in common: a server with a clock, and many connections to it. */
export class ServerDialect implements Dialect {
  readonly place: string;
  readonly remedy: string;
  readonly schema: SchemaTraits;
  readonly migrationTransaction = 'each';
  readonly waker: Waker | null;
  readonly joined: JoinedWrites;
  readonly clock: ServerClock;

  /**
   * Enqueues wait for no worker, signs of life for neither. A worker's claim may be on its way
   * while the ends of runs are stored: so the server and the handlers work at the same time.
   */
  readonly groups: readonly CommitGroup[] = [
    { kinds: ['cancel', 'insert'], parallel: 1, deadline: ENQUEUE_DEADLINE },
    { kinds: ['report', 'settle', 'change', 'claim'], parallel: 2 },
    { kinds: ['register', 'renew', 'retire'], parallel: 1 },
    { kinds: ['rescue', 'prune'], parallel: 1 },
  ];

  private readonly claims: Claims;
  private readonly writes: ServerWrites;
  /** Where the database can wake nobody. */
  private readonly polling: PollingWaker | undefined;

  /** Reads leave connections for writing: a thousand that come at once would hold it up. */
  private readonly reads: Turns;

  /** @param poolSize how many connections the database has for all of it. */
  constructor(
    private readonly database: ServerDatabase,
    poolSize: number,
  ) {
    this.reads = new Turns(Math.max(1, poolSize - WRITERS));
    this.clock = new ServerClock(() => this.askTime());
    this.place = database.place;
    this.remedy = database.remedy;
    this.schema = database.schema;
    this.joined = database.joined;
    this.claims = new Claims(database, this.clock);
    this.writes = new ServerWrites(database, this.claims);
    if (!database.waker) this.polling = polling(database.reads, this.claims);
    this.waker = this.polling ?? hearing(database.waker!, this.claims);
  }

  dataSourceOptions(): DataSourceOptions {
    return this.database.dataSourceOptions();
  }

  async prepare(): Promise<void> {
    // Servers are prepared by their administrators.
  }

  async prepareConnections(dataSource: DataSource): Promise<void> {
    await this.database.prepareConnections?.(dataSource);
  }

  withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
    return this.database.withSchemaLock(dataSource, work);
  }

  async attach(dataSource: DataSource): Promise<void> {
    await this.database.attach(dataSource);
    await this.setClock();
  }

  async commit(batch: WriteBatch): Promise<void> {
    this.polling?.expectEnds(batch.settle.length);
    try {
      // Who only enqueues hears of the time from nobody else.
      if (batch.insert.length > 0) await this.setClock();
      await this.writes.apply(batch);
    } catch (error) {
      if (this.database.isOutage(error)) this.clock.doubt();
      throw error;
    }
  }

  private async setClock(): Promise<void> {
    if (this.clock.isStale) this.clock.hear(await this.database.reads.now());
  }

  /** @throws BackendError */
  private async askTime(): Promise<number> {
    try {
      return await this.read(() => this.database.reads.now());
    } catch (error) {
      throw this.toBackendError(error);
    }
  }

  joinedEnqueue(tasks: readonly NewTask[]): void {
    this.claims.added(tasks);
  }

  joinedEnd(taskId: string, lease: number): void {
    this.claims.holdings.release(taskId, lease);
  }

  findTask(taskId: string): Promise<StoredTask | null> {
    return this.read(() => this.database.reads.findTask(taskId));
  }

  findResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    return this.read(() => this.database.reads.findResults(taskIds));
  }

  findLog(taskId: string): Promise<LogLine[] | null> {
    return this.read(() => this.database.reads.findLog(taskId));
  }

  findCancelRequests(workerId: string): Promise<string[]> {
    const ids = this.claims.holdings.ids();
    return this.read(() => this.database.reads.findCancelRequests(workerId, ids));
  }

  findNextEta(request: ReserveRequest): Promise<number | null> {
    return this.claims.nextEta(request);
  }

  count(): Promise<TaskCounts> {
    return this.read(() => this.database.reads.count());
  }

  peek(request: ReserveRequest): Promise<string[]> {
    return this.read(() => this.claims.peek(request));
  }

  listWorkers(): Promise<StoredWorker[]> {
    return this.read(async () => {
      await this.setClock(); // by which the workers are looked at
      return this.database.reads.listWorkers();
    });
  }

  private read<T>(work: () => Promise<T>): Promise<T> {
    const patienceFor = (error: unknown) => this.patienceFor(error);
    return tryAgain(() => this.reads.run(work), patienceFor);
  }

  threadBeat(): ThreadBeat | null {
    return this.database.threadBeat();
  }

  abandon(): void {
    this.database.abandon?.();
  }

  patienceFor(error: unknown): number {
    if (this.database.isConflict(error)) return CONFLICT_PATIENCE;
    return this.database.isOutage(error) ? OUTAGE_PATIENCE : 0;
  }

  isMissingTable(error: unknown): boolean {
    return this.database.isMissingTable(error);
  }

  toBackendError(error: unknown): BackendError {
    return this.database.toBackendError(error);
  }
}

/** The claims learn the lanes from each look, whether or not there is news. */
function polling(reads: ServerReads, claims: Claims): PollingWaker {
  const nothing = { ended: 0, cancels: 0 };
  return new PollingWaker(
    () => claims.survey(),
    async (since) => (await reads.countChanges?.(since)) ?? nothing,
  );
}

/** The waker, overheard: the claims want to know too when another process enqueues. */
function hearing(waker: Waker, claims: Claims): Waker {
  return {
    open: () => waker.open(),
    ring: (changes) => waker.ring(changes),
    listen: (onChange) =>
      waker.listen((change) => {
        if (change.kind === 'enqueued') claims.wake(change.again === true);
        if (change.kind === 'elsewhere') claims.wake(true);
        onChange(change);
      }),
    ignore: () => waker.ignore(),
    close: () => waker.close(),
  };
}
