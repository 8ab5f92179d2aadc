import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { Backend, type ReserveRequest, type StatusChange } from '../../core/backend.js';
import type { BulkBackend } from '../../core/capabilities/bulk-backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import type { ClockedBackend } from '../../core/capabilities/clocked-backend.js';
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
import type { LocatedBackend } from '../../core/capabilities/located-backend.js';
import type { PeekingBackend } from '../../core/capabilities/peeking-backend.js';
import type { PruneLimits, PruningBackend } from '../../core/capabilities/pruning-backend.js';
import type { ResultListingBackend } from '../../core/capabilities/result-listing-backend.js';
import type {
  ThreadBeat,
  ThreadBeatingBackend,
} from '../../core/capabilities/thread-beating-backend.js';
import type {
  JoinedTransaction,
  StoredContent,
  TransactionalBackend,
} from '../../core/capabilities/transactional-backend.js';
import type { BackendChange, WakingBackend } from '../../core/capabilities/waking-backend.js';
import type {
  StoredWorker,
  WorkerListingBackend,
} from '../../core/capabilities/worker-listing-backend.js';
import { systemClock, type Clock } from '../../core/clock.js';
import type { SitqLogger } from '../../core/logger.js';
import { check } from '../../core/option-checks.js';
import { readOptions } from '../../core/option-reader.js';
import type { FinalResult, StoredResult } from '../../core/result.js';
import type { NewTask, ReservedTask, StoredTask, TaskStatus } from '../../core/task.js';
import { textOf } from '../../core/text-of.js';
import { within } from '../../core/within.js';
import { withoutContext } from '../../core/without-context.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { QueueClosedError } from '../../errors/queue-closed.error.js';
import { SitqError } from '../../errors/sitq.error.js';
import { backUp } from './backup/back-up.js';
import type { Backup, BackupOptions } from './backup/backup-options.js';
import type { Dialect } from './dialect/dialect.js';
import { createDialect } from './dialect/create-dialect.js';
import { ensureSchema } from './ensure-schema.js';
import { GroupCommit } from './group-commit.js';
import { Migrator } from './migrator.js';
import { openDataSource } from './open-data-source.js';
import { readStoreSettings, type StoreSettings } from './store-settings.js';
import { Joiner } from './transactions/joiner.js';
import type { TypeOrmBackendOptions } from './typeorm-backend-options.js';
import type { Ring } from './waker.js';
import type { WriteBatch, WriteKind, WriteKinds } from './write-batch.js';

/** How long opening waits for a server that is away, and for processes in the way, in ms. */
const OPEN_PATIENCE = 30_000;
/** How long closing waits for what was accepted before, in ms... */
const LAST_COMMITS = 5000;
/** ...for a server that is away to come back... */
const LAST_PATIENCE = 1000;
/** ...and for it to say goodbye. */
const GOODBYES = 500;

const CHECKS = {
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
    ClockedBackend,
    CountingBackend,
    JournalingBackend,
    LeasingBackend,
    LocatedBackend,
    PeekingBackend,
    PruningBackend,
    ResultListingBackend,
    ThreadBeatingBackend,
    TransactionalBackend,
    WakingBackend,
    WorkerListingBackend
{
  /** The database: absolute path of a file, `:memory:`, or host and name. */
  readonly database: string;
  override readonly parallelClaims: number;
  /** By which tasks start: that of the server where there is one. */
  readonly clock: Clock;

  private readonly dialect: Dialect;
  private readonly commits: Readonly<Record<WriteKind, GroupCommit>>;
  private readonly joiner: Joiner;
  private readonly listeners = new Set<(change: BackendChange) => void>();
  private readonly settings: StoreSettings;
  private readonly logger: SitqLogger | undefined;
  private dataSource: DataSource | null = null;
  private opening: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  /** @throws ConfigurationError for a bad option. */
  constructor(options: TypeOrmBackendOptions = {}) {
    super();
    const { clock, logger, ...store } = options;
    const refuse = (message: string, option: string, value: unknown) =>
      new ConfigurationError(message, option, value);
    readOptions('TypeOrmBackend', { clock, logger }, CHECKS, refuse);
    this.logger = logger;
    this.settings = readStoreSettings('TypeOrmBackend', store);
    this.dialect = createDialect(this.settings, clock ?? systemClock, logger);
    this.clock = this.dialect.clock;
    this.database = this.dialect.place;
    this.commits = this.createCommits();
    this.parallelClaims = this.commits.claim.parallel;
    this.joiner = new Joiner(this.dialect, options);
  }

  private createCommits(): Record<WriteKind, GroupCommit> {
    const commits: Partial<Record<WriteKind, GroupCommit>> = {};
    for (const group of this.dialect.groups) {
      const commit = new GroupCommit(this.dialect, group, (batch) => this.announce(batch));
      for (const kind of group.kinds) commits[kind] = commit;
    }
    return commits as Record<WriteKind, GroupCommit>;
  }

  open(): Promise<void> {
    if (this.closing) return Promise.reject(new QueueClosedError('open the backend'));
    this.opening ??= withoutContext(() => this.start());
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
    // Where they share a commit the claim of a worker that waits in this process joins it.
    if (this.commits.insert === this.commits.claim) this.emit({ kind: 'enqueued' });
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
    return (await this.getResults([taskId]))[0] ?? null;
  }

  async getResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    return this.read('get results', () => this.dialect.findResults(taskIds));
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

  async rescueTasks(rescuerId?: string, onlyGone = false): Promise<RescuedTask[]> {
    return [...(await this.write('rescue tasks', 'rescue', { rescuerId, onlyGone })).tasks];
  }

  retireWorker(workerId: string): Promise<void> {
    return this.write('retire a worker', 'retire', workerId);
  }

  async peekTasks(request: ReserveRequest): Promise<string[]> {
    return this.read('peek at tasks', () => this.dialect.peek(request));
  }

  async listWorkers(): Promise<StoredWorker[]> {
    return this.read('list the workers', () => this.dialect.listWorkers());
  }

  threadBeat(): ThreadBeat | null {
    return this.dialect.threadBeat();
  }

  pruneTasks(endedBefore: PruneLimits, most: number): Promise<number> {
    return this.write('prune tasks', 'prune', { endedBefore, most });
  }

  checkManager(manager: EntityManager): Promise<void> {
    return this.join('check a manager', () => this.joiner.check(manager));
  }

  enqueueTasksIn(
    manager: EntityManager,
    tasks: readonly NewTask[],
    isSame: (stored: StoredContent, task: NewTask) => boolean,
  ): Promise<void> {
    const onStored = () => {
      this.dialect.joinedEnqueue(tasks);
      this.tell({ kind: 'enqueued' });
    };
    return this.join('enqueue', () => this.joiner.enqueue(manager, tasks, isSame, onStored));
  }

  completeIn(
    manager: EntityManager,
    taskId: string,
    lease: number,
    value: string | null,
  ): Promise<JoinedTransaction> {
    const onEnd = () => this.tell({ kind: 'settled', taskIds: [taskId] });
    return this.join('complete a task', () =>
      this.joiner.complete(manager, taskId, lease, value, onEnd),
    );
  }

  fenceIn(manager: EntityManager, taskId: string, lease: number): Promise<JoinedTransaction> {
    return this.join('fence a run', () => this.joiner.fence(manager, taskId, lease));
  }

  async isCompleted(taskId: string, lease: number): Promise<boolean> {
    const task = await this.getTask(taskId);
    this.joiner.forget(taskId, lease);
    if (task?.lease === lease && task.status === 'running') return false;
    this.dialect.joinedEnd(taskId, lease);
    if (task?.lease !== lease || task.status !== 'completed') {
      throw new LeaseLostError(taskId, lease);
    }
    this.tell({ kind: 'settled', taskIds: [taskId] }); // the commit itself may have gone unheard
    return true;
  }

  onChange(listener: (change: BackendChange) => void): () => void {
    this.listeners.add(listener);
    this.dialect.waker?.listen((change) => this.emit(change));
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.dialect.waker?.ignore();
    };
  }

  async nextEta(request: ReserveRequest): Promise<number | null> {
    return this.read('look for the next eta', () => this.dialect.findNextEta(request));
  }

  /**
   * Copies an SQLite store into a file that stands alone, as it is at one moment, while everybody
   * goes on. `npx sitq restore` puts it back.
   *
   * @param file path of the backup, made with mode 0600.
   * @throws ValidationError for a file that is there (unless `force`) or belongs to the database,
   * BackendError when it cannot be written, or for PostgreSQL and MySQL with what to use instead,
   * QueueClosedError, the reason of the signal.
   */
  async backup(file: string, options?: BackupOptions): Promise<Backup> {
    if (!this.dataSource || this.closing) throw new QueueClosedError('back up');
    return backUp(this.settings, file, options);
  }

  private async start(): Promise<void> {
    await this.dialect.prepare();
    const { dialect, logger } = this;
    const makeReady = async (dataSource: DataSource) => {
      await ensureSchema(new Migrator(dataSource, dialect), this.settings.migrate);
      await dialect.attach(dataSource);
    };
    this.dataSource = await openDataSource(dialect, OPEN_PATIENCE, makeReady, logger);
    await this.dialect.waker?.open();
  }

  private async shutDown(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.drain();
    const { dataSource } = this;
    this.dataSource = null;
    this.listeners.clear();
    await this.dialect.waker?.close();
    if (dataSource) this.dialect.release?.();
    await this.disconnect(dataSource);
  }

  /** Waits longer for a file that others have locked than for a server that is away. */
  private async drain(): Promise<void> {
    const isFile = this.dialect.abandon === undefined;
    const patience = isFile ? LAST_COMMITS : LAST_PATIENCE;
    const drained = Object.values(this.commits).map((commit) => commit.drain(patience));
    if (isFile) await Promise.all(drained);
    else await within(LAST_COMMITS, Promise.all(drained));
  }

  private async disconnect(dataSource: DataSource | null): Promise<void> {
    const disconnected = dataSource?.destroy();
    if (!this.dialect.abandon) return disconnected;
    await within(GOODBYES, disconnected);
    this.dialect.abandon();
    await within(GOODBYES, disconnected);
  }

  private write<K extends WriteKind>(
    operation: string,
    kind: K,
    input: WriteKinds[K]['input'],
  ): Promise<WriteKinds[K]['outcome']> {
    if (!this.dataSource || this.closing) return Promise.reject(new QueueClosedError(operation));
    return this.commits[kind].add(kind, input);
  }

  /** In a transaction of the application: after `close` nobody would hear of its commit. */
  private async join<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.closing) throw new QueueClosedError(operation);
    return this.read(operation, () =>
      work().catch((error: unknown) => {
        // TypeORM's own error has the arguments of the task in it.
        throw error instanceof QueryFailedError ? error.driverError : error;
      }),
    );
  }

  private async read<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (!this.dataSource) throw new QueueClosedError(operation);
    try {
      this.dialect.check?.();
      return await work();
    } catch (error) {
      throw error instanceof SitqError ? error : this.dialect.toBackendError(error);
    }
  }

  /** Tells this process and the others what a commit changed. */
  private announce(batch: WriteBatch): void {
    const rings = ringsOf(batch);
    if (rings.size === 0) return;
    if (concernsOthers(batch, rings)) this.dialect.waker?.ring(rings);
    if (this.listeners.size === 0) return;
    if (rings.has('cancel-requested')) this.emit({ kind: 'cancel-requested' });
    if (rings.has('settled')) this.emit({ kind: 'settled', taskIds: endedIn(batch) });
    // An insert that shares its commit with claims was announced before it.
    const isNews = rings.has('enqueued') && this.commits.insert !== this.commits.claim;
    const again = rings.has('returned');
    if (isNews || again) this.emit({ kind: 'enqueued', again });
  }

  /** Tells this process and the others what was committed otherwise than by a batch. */
  private tell(change: BackendChange & { kind: 'enqueued' | 'settled' }): void {
    if (this.closing) return;
    this.dialect.waker?.ring(new Set([change.kind]));
    this.emit(change);
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

/** What a commit changed that somebody may wait for. */
function ringsOf(batch: WriteBatch): Set<Ring> {
  const { insert, settle, cancel } = batch;
  const rings = new Set<Ring>();
  const requeued = requeues(batch);
  if (insert.length > 0) rings.add('enqueued');
  if (requeued) rings.add('returned');
  if (settle.length + cancel.length > 0 || requeued) rings.add('settled');
  if (cancel.length > 0) rings.add('cancel-requested');
  return rings;
}

/** Whether tasks that had a worker may wait again. They may also have ended. */
function requeues({ change, rescue }: WriteBatch): boolean {
  return (
    change.length > 0 ||
    rescue.some(({ outcome }) => outcome && outcome.tasks.length + outcome.broughtForward > 0)
  );
}

/** What this very transaction enqueued and claimed is nobody else's. */
function concernsOthers({ claim, insert }: WriteBatch, rings: ReadonlySet<Ring>): boolean {
  if (claim.length === 0 || rings.size > 1 || !rings.has('enqueued')) return true;
  const claimed = new Set(claim.flatMap(({ outcome = [] }) => outcome.map((task) => task.id)));
  return insert.some(({ input }) => input.some((task) => !claimed.has(task.id)));
}

function endedIn(batch: WriteBatch): string[] {
  const ids = batch.settle.map((write) => write.input.taskId);
  for (const { input } of batch.change) ids.push(input.taskId);
  for (const { input } of batch.cancel) ids.push(input);
  for (const { outcome } of batch.rescue) for (const { id } of outcome?.tasks ?? []) ids.push(id);
  return ids;
}
