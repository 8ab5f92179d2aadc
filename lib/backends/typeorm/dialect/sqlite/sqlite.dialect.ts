import type { Database } from 'better-sqlite3';
import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, DataSourceOptions } from 'typeorm';
import type { ReserveRequest } from '../../../../core/backend.js';
import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { ThreadBeat } from '../../../../core/capabilities/thread-beating-backend.js';
import { systemClock, type Clock } from '../../../../core/clock.js';
import type { SitqLogger } from '../../../../core/logger.js';
import type { StoredResult } from '../../../../core/result.js';
import type { StoredTask } from '../../../../core/task.js';
import { BackendError } from '../../../../errors/backend.error.js';
import { ConfigurationError } from '../../../../errors/configuration.error.js';
import { SitqError } from '../../../../errors/sitq.error.js';
import type { SchemaTraits } from '../../schema-traits.js';
import type { StoreSettings } from '../../store-settings.js';
import { WRITE_KINDS, type WriteBatch } from '../../write-batch.js';
import type { Write } from '../../write.js';
import type { Dialect } from '../dialect.js';
import { storedResult } from '../stored-result.js';
import { storedWorker } from '../stored-worker.js';
import { threadConnection } from '../thread-connection.js';
import { Doorbell } from './doorbell.js';
import { DoubtfulBatch } from './doubtful-batch.js';
import { FileError } from './file-error.js';
import { FileGuard } from './file-guard.js';
import { realPath } from './real-path.js';
import { isSingleFileMount } from './single-file-mount.js';
import { SqliteConnection } from './sqlite-connection.js';
import { SqliteClaim } from './sqlite.claim.js';
import { SqliteJoinedWrites } from './sqlite.joined-writes.js';
import {
  isBusy,
  isMissingTable,
  isOwnMistake,
  OwnTransactionError,
  toBackendError,
} from './sqlite.errors.js';
import { sqliteSchema } from './sqlite.schema.js';
import { EXTEND, prepareStatements, type SqliteStatements } from './sqlite.statements.js';
import { SqliteRescue } from './sqlite.rescue.js';
import { SqliteWrites } from './sqlite.writes.js';

/** How long a batch is tried again while the database is locked, in ms. */
const PATIENCE = 15_000;
/** How long SQLite itself waits for a lock, with the event loop standing still. */
const BUSY_TIMEOUT = 20;
const WAL_LIMIT = 64 * 1024 * 1024;

/**
 * SQLite through the better-sqlite3 handle of a TypeORM DataSource. Every batch is one
 * synchronous `BEGIN IMMEDIATE ... COMMIT` without an await inside; a deferred BEGIN would fail
 * with SQLITE_BUSY_SNAPSHOT as soon as another process writes between its read and its write.
 */
export class SqliteDialect implements Dialect {
  private db!: Database;
  private statements!: SqliteStatements;
  private claims!: SqliteClaim;
  private rescues!: SqliteRescue;
  private writes!: SqliteWrites;
  private synchronous: 'FULL' | 'NORMAL' | undefined;
  /** None for a database in memory. */
  private guard: FileGuard | undefined;
  private doubtful: DoubtfulBatch | undefined;
  private readonly registered = new Set<string>();
  /** Of connections that were given up. To collect them may end the process: see `mayAbort`. */
  private readonly formerStatements: SqliteStatements[] = [];

  readonly place: string;
  readonly remedy = 'Give the path of an SQLite file, or of one that does not exist yet.';
  readonly schema: SchemaTraits;
  readonly migrationTransaction = 'none';
  readonly waker: Doorbell | null;
  readonly joined: SqliteJoinedWrites;
  readonly groups = [{ kinds: WRITE_KINDS, parallel: 1 }];

  constructor(
    private readonly settings: StoreSettings,
    readonly clock: Clock,
    private readonly logger: SitqLogger | undefined,
  ) {
    const { database } = settings.connection as unknown as { database: string };
    this.place = database === ':memory:' ? database : realPath(database);
    this.schema = sqliteSchema(settings.tablePrefix);
    this.joined = new SqliteJoinedWrites(this.place, this.schema.names, clock);
    this.waker = database === ':memory:' ? null : new Doorbell(`${this.place}-doorbell`, logger);
  }

  dataSourceOptions(): DataSourceOptions {
    return {
      ...(this.settings.connection as { type: 'better-sqlite3' }),
      database: this.place,
      timeout: BUSY_TIMEOUT,
      prepareDatabase,
    };
  }

  /**
   * Creates the file before SQLite does, because SQLite would let everybody read it. One that is
   * there is not opened: closing it again would take away the locks of this process on it.
   */
  async prepare(): Promise<void> {
    if (this.place === ':memory:') return;
    try {
      mkdirSync(dirname(this.place), { recursive: true });
      const there = statSync(this.place, { throwIfNoEntry: false });
      if (there?.isFile()) accessSync(this.place, constants.W_OK);
      else closeSync(openSync(this.place, 'a', 0o600));
    } catch (error) {
      throw new BackendError(
        `The database file ${this.place} cannot be opened for writing: ${String(error)}. ` +
          `Give a writable path: forRoot({ database: '...' }).`,
        { cause: error },
      );
    }
    const isFile = statSync(this.place, { throwIfNoEntry: false })?.isFile();
    if (isFile && isSingleFileMount(this.place)) throw singleFile(this.place);
  }

  async withSchemaLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
    const db = handleOf(dataSource);
    for (let round = 0; ; round += 1) {
      try {
        db.exec('BEGIN IMMEDIATE');
        break;
      } catch (error) {
        if (!isBusy(error) || round > 1000) throw error;
        await sleep(5 + Math.random() * 45);
      }
    }
    try {
      await work();
      db.exec('COMMIT');
    } finally {
      if (db.inTransaction) db.exec('ROLLBACK');
    }
  }

  attach(dataSource: DataSource): void {
    const { place } = this;
    if (place === ':memory:') return this.use(handleOf(dataSource));
    const connection = new SqliteConnection(dataSource, place, BUSY_TIMEOUT, prepareDatabase);
    this.use(connection.db);
    this.guard = new FileGuard(connection, place, this.logger, () => this.use(connection.db));
  }

  check(): void {
    this.guard?.check();
  }

  release(): void {
    this.guard?.release();
  }

  private use(db: Database): void {
    if (this.db) this.formerStatements.push(this.statements);
    this.db = db;
    this.synchronous = undefined;
    this.statements = prepareStatements(db, this.schema.names);
    this.claims = new SqliteClaim(this.statements);
    this.rescues = new SqliteRescue(this.statements);
    const { clock, claims, registered, rescues, statements } = this;
    this.writes = new SqliteWrites(db, statements, claims, rescues, clock, registered);
  }

  commit(batch: WriteBatch): void {
    this.check();
    if (this.isDoneAlready(batch)) return;
    if (batch.isTentative && !this.isAnythingToDo(batch)) {
      for (const write of batch.claim) write.outcome = [];
      for (const write of batch.rescue) write.outcome = { tasks: [], broughtForward: 0 };
      return;
    }
    if (this.joined.isHoldingLock) throw new OwnTransactionError(PATIENCE);
    this.synchronize(batch.acknowledges && this.settings.durability === 'full' ? 'FULL' : 'NORMAL');
    this.statements.begin.run();
    try {
      this.doubtful?.undo(this.statements, this.clock.now());
      this.apply(batch);
      this.statements.commit.run();
      if (!batch.isTentative || batch.rescue.length > 0) this.claims.lanes.changed();
    } catch (error) {
      if (this.db.inTransaction) this.statements.rollback.run();
      throw error;
    }
    this.doubtful = undefined;
    this.rescues.removeMarks(batch.rescue);
    if (this.guard?.isCommitted() ?? true) return;
    this.doubtful = new DoubtfulBatch(batch);
    throw new FileError(
      `The log of ${this.place} may have been removed during a commit. What was to be written may ` +
        `be stored all the same; repeat it later: the same id never makes a second task.`,
      PATIENCE,
    );
  }

  /** What it is given again after a doubt may be there. */
  private isDoneAlready(batch: WriteBatch): boolean {
    if (this.doubtful?.batch !== batch) return false;
    const isKept = this.doubtful.isKept(this.statements);
    this.doubtful = undefined;
    return isKept;
  }

  private apply(batch: WriteBatch): void {
    for (const kind of WRITE_KINDS) {
      const writes = batch[kind] as Write<unknown, unknown>[];
      const perform = this.writes[kind] as (input: unknown) => unknown;
      for (const write of writes) this.applyOne(write, perform);
    }
  }

  /** A mistake in one write is its own; a failing disk is everybody's. */
  private applyOne(write: Write<unknown, unknown>, perform: (input: unknown) => unknown): void {
    write.error = undefined;
    try {
      write.outcome = perform(write.input);
    } catch (error) {
      if (!this.db.inTransaction || !isOwnMistake(error)) throw error;
      write.error = error instanceof SitqError ? error : this.toBackendError(error);
    }
  }

  /** Looks without the write lock: a worker that finds nothing must not hold up the others. */
  private isAnythingToDo({ claim, rescue }: WriteBatch): boolean {
    const now = this.clock.now();
    return (
      claim.some(({ input }) => this.claims.lanes.isAnythingReady(input.request, now)) ||
      rescue.some(({ input }) => this.rescues.isNeeded(input, now))
    );
  }

  /** Only what was promised pays for an fsync; losing a claim merely means claiming again. */
  private synchronize(level: 'FULL' | 'NORMAL'): void {
    if (this.synchronous === level) return;
    this.db.pragma(`synchronous = ${level}`);
    this.synchronous = level;
  }

  joinedEnqueue(): void {
    // A claim looks at the file: what is committed is there.
  }

  joinedEnd(): void {
    // Nothing is remembered of what runs.
  }

  async findTask(taskId: string): Promise<StoredTask | null> {
    return (this.statements.task.get(taskId) as StoredTask | undefined) ?? null;
  }

  async findResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    const rows = this.statements.results.all(JSON.stringify(taskIds));
    return rows.map(({ id, ...row }) => storedResult(id, row));
  }

  async findLog(taskId: string): Promise<LogLine[] | null> {
    if (this.statements.status.get(taskId) === undefined) return null;
    return this.statements.log.all(taskId) as LogLine[];
  }

  async findCancelRequests(workerId: string): Promise<string[]> {
    return this.statements.cancelRequests.all(workerId);
  }

  async findNextEta(request: ReserveRequest): Promise<number | null> {
    return this.claims.lanes.nextEta(request, this.clock.now());
  }

  async count(): Promise<TaskCounts> {
    const counts = { queued: 0, running: 0, blocked: 0, completed: 0, failed: 0, cancelled: 0 };
    const now = this.clock.now();
    for (const { status, n } of this.statements.countByStatus.all()) {
      counts[status as keyof typeof counts] = n;
    }
    return {
      ...counts,
      scheduled: this.statements.countScheduled.get(now) ?? 0,
      stuck: this.statements.countStuck.get(now) ?? 0,
    };
  }

  async peek(request: ReserveRequest): Promise<string[]> {
    // Of one moment, whatever other processes write meanwhile.
    const look = this.db.transaction(() => this.claims.peek(request, this.clock.now()));
    return look.deferred();
  }

  async listWorkers(): Promise<StoredWorker[]> {
    const now = this.clock.now();
    return this.statements.listWorkers.all().map((row) => storedWorker(row, row.running, now));
  }

  threadBeat(): ThreadBeat | null {
    // A clock that was handed in is not there in a thread.
    if (this.place === ':memory:' || this.clock !== systemClock) return null;
    const connection = threadConnection('better-sqlite3', {
      file: this.place,
      inode: statSync(this.place, { throwIfNoEntry: false })?.ino ?? 0,
      timeout: PATIENCE,
    });
    const statement = this.schema.names.in(EXTEND);
    return { kind: 'better-sqlite3', statement, takesTime: true, ...connection };
  }

  patienceFor(error: unknown): number {
    if (error instanceof FileError) return error.patience;
    return isBusy(error) ? PATIENCE : 0;
  }

  isMissingTable(error: unknown): boolean {
    return isMissingTable(error);
  }

  toBackendError(error: unknown): BackendError {
    return toBackendError(error, PATIENCE);
  }
}

function prepareDatabase(db: Database): void {
  db.pragma('journal_mode = WAL');
  db.pragma(`journal_size_limit = ${WAL_LIMIT}`);
}

function singleFile(place: string): ConfigurationError {
  return new ConfigurationError(
    `The database file ${place} is mounted by itself, without the log that SQLite keeps beside it: ` +
      `that would be seen by nobody else, and be lost with the container. Mount its folder ` +
      `(-v ./data:${dirname(place)} instead of -v ./data/file:${place}).`,
    'database',
    place,
  );
}

function handleOf(dataSource: DataSource): Database {
  return (dataSource.driver as unknown as { databaseConnection: Database }).databaseConnection;
}
