import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Backend, type ReserveRequest, type StatusChange } from '../../core/backend.js';
import type { BulkBackend } from '../../core/capabilities/bulk-backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import type { CountingBackend, TaskCounts } from '../../core/capabilities/counting-backend.js';
import type {
  JournalingBackend,
  LogLine,
  Report,
} from '../../core/capabilities/journaling-backend.js';
import type {
  LeasingBackend,
  RescuedTask,
  WorkerBeat,
  WorkerRegistration,
} from '../../core/capabilities/leasing-backend.js';
import type { PruneLimits, PruningBackend } from '../../core/capabilities/pruning-backend.js';
import type { BackendChange, WakingBackend } from '../../core/capabilities/waking-backend.js';
import { systemClock, type Clock } from '../../core/clock.js';
import type { SitqLogger } from '../../core/logger.js';
import { check } from '../../core/option-checks.js';
import { readOptions } from '../../core/option-reader.js';
import type { FinalResult, StoredResult } from '../../core/result.js';
import type { NewTask, ReservedTask, StoredTask, TaskStatus } from '../../core/task.js';
import { textOf } from '../../core/text-of.js';
import { BackendError } from '../../errors/backend.error.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import { QueueClosedError } from '../../errors/queue-closed.error.js';
import { SitqError } from '../../errors/sitq.error.js';
import type { Dialect } from './dialect/dialect.js';
import { SqliteDialect } from './dialect/sqlite.dialect.js';
import { Doorbell } from './doorbell.js';
import { GroupCommit } from './group-commit.js';
import { ensureSchema, sitqSchema } from './schema.js';
import type { TypeOrmBackendOptions } from './typeorm-backend-options.js';
import type { WriteBatch, WriteKind, WriteKinds } from './write-batch.js';

/** How long opening waits for other processes that open the same new file, in ms. */
const OPEN_PATIENCE = 30_000;

const CHECKS = {
  database: check.text(`the path of a file, or ':memory:'`),
  durability: check.oneOf('full', 'relaxed'),
  migrate: check.boolean(),
  logger: check.like<SitqLogger>('a logger, such as that of Nest', 'log', 'warn', 'error'),
  clock: check.like<Clock>('an object with now()', 'now'),
};

/**
 * Tasks as rows of a SQL database that TypeORM opens. It has a DataSource of its own, even on a
 * file that the application uses too: on a shared one an open transaction of the application would
 * swallow acknowledged tasks with its rollback.
 *
 * @publicApi
 */
export class TypeOrmBackend
  extends Backend
  implements
    BulkBackend,
    CancellingBackend,
    CountingBackend,
    JournalingBackend,
    LeasingBackend,
    PruningBackend,
    WakingBackend
{
  /** Absolute path of the database file, or `:memory:`. */
  readonly database: string;

  private readonly dialect: Dialect;
  private readonly writes: GroupCommit;
  private readonly doorbell: Doorbell | null;
  private readonly listeners = new Set<(change: BackendChange) => void>();
  private readonly migrate: boolean;
  private readonly logger: SitqLogger | undefined;
  private dataSource: DataSource | null = null;
  private opening: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  constructor(options: TypeOrmBackendOptions = {}) {
    super();
    const {
      database = 'sitq.sqlite',
      durability = 'full',
      migrate = true,
      clock = systemClock,
      logger,
    } = readOptions(
      'TypeOrmBackend',
      options,
      CHECKS,
      (message, option, value) => new ConfigurationError(message, option, value),
    );
    this.logger = logger;
    this.database = database === ':memory:' ? database : resolve(database);
    this.migrate = migrate;
    this.dialect = new SqliteDialect(this.database, durability, clock);
    this.writes = new GroupCommit(this.dialect, (batch) => this.announce(batch));
    this.doorbell =
      database === ':memory:' ? null : new Doorbell(`${this.database}-doorbell`, logger);
  }

  open(): Promise<void> {
    if (this.closing) return Promise.reject(new QueueClosedError('open the backend'));
    this.opening ??= this.start();
    return this.opening;
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  enqueueTask(task: NewTask): Promise<void> {
    return this.enqueueTasks([task]);
  }

  enqueueTasks(tasks: readonly NewTask[]): Promise<void> {
    const done = this.write('enqueue', 'insert', tasks);
    // Before the commit, so that the claim of a worker that waits in this process joins it.
    this.emit({ kind: 'enqueued' });
    return done;
  }

  reserveTask(workerId: string, request: ReserveRequest = {}): Promise<ReservedTask[]> {
    return this.write('reserve', 'claim', { workerId, request });
  }

  async getTask(taskId: string): Promise<StoredTask | null> {
    return this.read('get a task', () => this.dialect.findTask(taskId));
  }

  updateTaskStatus(
    taskId: string,
    status: 'queued' | 'cancelled',
    change: StatusChange = {},
  ): Promise<void> {
    return this.write('update a task', 'change', { taskId, status, change });
  }

  storeResult(taskId: string, result: FinalResult): Promise<void> {
    return this.write('store a result', 'settle', { taskId, result });
  }

  async getResult(taskId: string): Promise<StoredResult | null> {
    return this.read('get a result', () => this.dialect.findResult(taskId));
  }

  cancelTask(taskId: string): Promise<TaskStatus | null> {
    return this.write('cancel a task', 'cancel', taskId);
  }

  async cancelRequests(workerId: string): Promise<string[]> {
    return this.read('look for cancels', () => this.dialect.findCancelRequests(workerId));
  }

  async counts(): Promise<TaskCounts> {
    return this.read('count', () => this.dialect.count());
  }

  storeReport(taskId: string, report: Report): Promise<void> {
    return this.write('store a report', 'report', { taskId, report });
  }

  async getLog(taskId: string): Promise<LogLine[] | null> {
    return this.read('get a log', () => this.dialect.findLog(taskId));
  }

  registerWorker(worker: WorkerRegistration, beat: WorkerBeat): Promise<void> {
    return this.write('register a worker', 'register', { worker, beat });
  }

  renewWorker(workerId: string, beat: WorkerBeat): Promise<boolean> {
    return this.write('renew a lease', 'renew', { workerId, beat });
  }

  rescueTasks(rescuerId?: string): Promise<RescuedTask[]> {
    return this.write('rescue tasks', 'rescue', rescuerId);
  }

  retireWorker(workerId: string): Promise<void> {
    return this.write('retire a worker', 'retire', workerId);
  }

  pruneTasks(endedBefore: PruneLimits, most: number): Promise<number> {
    return this.write('prune tasks', 'prune', { endedBefore, most });
  }

  onChange(listener: (change: BackendChange) => void): () => void {
    this.listeners.add(listener);
    this.doorbell?.listen(() => this.emit({ kind: 'elsewhere' }));
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.doorbell?.ignore();
    };
  }

  async nextEta(request: ReserveRequest): Promise<number | null> {
    return this.read('look for the next eta', () => this.dialect.findNextEta(request));
  }

  private async start(): Promise<void> {
    await this.dialect.prepare();
    try {
      this.dataSource = await this.connect();
    } catch (error) {
      throw error instanceof SitqError ? error : this.cannotOpen(error);
    }
    this.doorbell?.open();
  }

  private cannotOpen(error: unknown): BackendError {
    const { message, transient } = this.dialect.toBackendError(error);
    return new BackendError(
      `The database ${this.database} cannot be opened: ${message} Give the path of an SQLite file, ` +
        `or of one that does not exist yet.`,
      { cause: error, transient },
    );
  }

  private async connect(): Promise<DataSource> {
    const giveUpAt = Date.now() + OPEN_PATIENCE;
    for (;;) {
      const dataSource = new DataSource({ ...this.dialect.dataSourceOptions(), ...sitqSchema });
      try {
        await dataSource.initialize();
        await ensureSchema(dataSource, this.dialect, this.migrate);
        this.dialect.attach(dataSource);
        return dataSource;
      } catch (error) {
        if (dataSource.isInitialized) await dataSource.destroy();
        if (!this.dialect.isContention(error) || Date.now() > giveUpAt) throw error;
        await sleep(5 + Math.random() * 45);
      }
    }
  }

  private async shutDown(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.writes.drain();
    const { dataSource } = this;
    this.dataSource = null;
    this.listeners.clear();
    this.doorbell?.close();
    await dataSource?.destroy();
  }

  private write<K extends WriteKind>(
    operation: string,
    kind: K,
    input: WriteKinds[K]['input'],
  ): Promise<WriteKinds[K]['outcome']> {
    if (!this.dataSource || this.closing) return Promise.reject(new QueueClosedError(operation));
    return this.writes.add(kind, input);
  }

  private async read<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (!this.dataSource) throw new QueueClosedError(operation);
    try {
      return await work();
    } catch (error) {
      throw error instanceof SitqError ? error : this.dialect.toBackendError(error);
    }
  }

  /** Tells this process and the others what a commit changed. */
  private announce(batch: WriteBatch): void {
    const rescued = batch.rescue.some((write) => write.outcome?.length);
    if (rescued || concernsOthers(batch)) this.doorbell?.ring();
    if (this.listeners.size === 0) return;
    if (batch.cancel.length > 0) this.emit({ kind: 'cancel-requested' });
    const taskIds = endedIn(batch);
    if (taskIds.length > 0) this.emit({ kind: 'settled', taskIds });
    if (batch.change.length > 0 || rescued) this.emit({ kind: 'enqueued' });
  }

  /** A listener that fails must not make a commit look failed. */
  private emit(change: BackendChange): void {
    for (const listener of this.listeners) {
      try {
        listener(change);
      } catch (error) {
        this.logger?.error(`A listener of the backend failed: ${textOf(error)}`);
      }
    }
  }
}

/** Whether another process may have something to do: a task to run, a result to fetch, a cancel. */
function concernsOthers(batch: WriteBatch): boolean {
  const { insert, settle, change, cancel, claim } = batch;
  if (settle.length + change.length + cancel.length > 0) return true;
  if (claim.length === 0) return insert.length > 0;
  // What this very transaction enqueued and claimed is nobody else's.
  const claimed = new Set(claim.flatMap(({ outcome = [] }) => outcome.map((task) => task.id)));
  return insert.some(({ input }) => input.some((task) => !claimed.has(task.id)));
}

function endedIn(batch: WriteBatch): string[] {
  const ids = batch.settle.map((write) => write.input.taskId);
  for (const { input } of batch.change) ids.push(input.taskId);
  for (const { input } of batch.cancel) ids.push(input);
  for (const { outcome = [] } of batch.rescue) for (const { id } of outcome) ids.push(id);
  return ids;
}
