export { SitqModule } from './sitq.module.js';
export { WorkerHost } from './worker.host.js';
export { Task } from './decorators/task.decorator.js';

export type { EnqueueManyOptions } from './interfaces/enqueue-many-options.interface.js';
export type { EnqueueOptions } from './interfaces/enqueue-options.interface.js';
export type {
  ModuleOptions,
  NamedDataSourceOptions,
  SitqOptions,
  SitqOptionsFactory,
  SitqRootOptions,
} from './interfaces/sitq-options.interface.js';
export type { TaskOptions } from './core/task-options.js';
export type { IsolationOptions } from './interfaces/isolation-options.interface.js';
export type { WorkerOptions } from './interfaces/worker-options.interface.js';

export { TaskQueue, type TaskQueueParts } from './queue/task-queue.js';
export { TaskHandle } from './queue/task-handle.js';
export type { TaskProxy } from './queue/task-proxy.js';
export { TaskContext } from './core/task-context.js';
export { RetryAfterError } from './core/retry-after.error.js';
export { Snooze } from './core/snooze.js';

export type { TaskStatus } from './core/task.js';
export type { Result, ResultStatus } from './core/result.js';
export type { WorkerInfo } from './core/worker-info.js';
export type {
  EndedSituation,
  RunningSituation,
  TaskExplanation,
  TaskSituation,
  WaitingReason,
  WaitingSituation,
} from './core/task-explanation.js';
export type { Duration } from './core/duration.js';
export type {
  Backoff,
  BackoffFunction,
  ExponentialBackoff,
  FixedBackoff,
} from './core/retry-policy.js';
export type { Outcome } from './core/outcome.js';
export type { Plugin, SettleCause, TaskDraft } from './core/plugin.js';
export type { Transactions } from './transactions/transactions-option.js';
export type { Retention } from './retention/retention-options.js';
export type { Serializer } from './core/serializer.js';
export { DefaultSerializer } from './core/default-serializer.js';
export type { SitqLogger } from './core/logger.js';
export type { Clock } from './core/clock.js';
export type { ArgsOf, HandlerClass, MethodOf, ResultOf } from './core/handler-types.js';

export type { IsolatedRun, Isolation } from './worker/isolation/isolation.js';
export { Worker } from './worker/worker.js';
export type { WorkerParts } from './worker/worker-parts.js';
export type { WorkerStats } from './worker/worker-stats.js';
export { HandlerRegistry } from './core/registry.js';
export type { Handler } from './core/handler.js';
export type { BackoffPlan } from './core/retry-policy.js';
export {
  Backend,
  type HandlerCapacity,
  type ReserveRequest,
  type StatusChange,
} from './core/backend.js';
export type { NewTask, ReservedTask, StoredTask } from './core/task.js';
export type { FinalResult, StoredError, StoredResult } from './core/result.js';
export type { BulkBackend } from './core/capabilities/bulk-backend.js';
export type { CancellingBackend } from './core/capabilities/cancelling-backend.js';
export type { ClockedBackend } from './core/capabilities/clocked-backend.js';
export {
  isThreadBeatingBackend,
  type ThreadBeat,
  type ThreadBeatingBackend,
} from './core/capabilities/thread-beating-backend.js';
export type { CountingBackend, TaskCounts } from './core/capabilities/counting-backend.js';
export type { JournalingBackend, LogLine, Report } from './core/capabilities/journaling-backend.js';
export type {
  LeasingBackend,
  RescuedTask,
  WorkerBeat,
  WorkerRegistration,
} from './core/capabilities/leasing-backend.js';
export type { LocatedBackend } from './core/capabilities/located-backend.js';
export type { PeekingBackend } from './core/capabilities/peeking-backend.js';
export type { PruneLimits, PruningBackend } from './core/capabilities/pruning-backend.js';
export type { ResultListingBackend } from './core/capabilities/result-listing-backend.js';
export type {
  JoinedTransaction,
  StoredContent,
  TransactionalBackend,
} from './core/capabilities/transactional-backend.js';
export type { BackendChange, WakingBackend } from './core/capabilities/waking-backend.js';
export type {
  StoredWorker,
  WorkerListingBackend,
} from './core/capabilities/worker-listing-backend.js';
export { TypeOrmBackend } from './backends/typeorm/typeorm.backend.js';
export type {
  DataSourceStoreOptions,
  MysqlStoreOptions,
  PostgresStoreOptions,
  SqliteStoreOptions,
  StoreOptions,
  TypeOrmBackendOptions,
  UrlStoreOptions,
} from './backends/typeorm/typeorm-backend-options.js';
export type {
  Backup,
  BackupOptions,
  BackupProgress,
} from './backends/typeorm/backup/backup-options.js';
export { sitqSchema, type SchemaOptions } from './backends/typeorm/sitq-schema.js';

export { SitqError } from './errors/sitq.error.js';
export { BackendError } from './errors/backend.error.js';
export { ConfigurationError } from './errors/configuration.error.js';
export { DoNotRetryError } from './errors/do-not-retry.error.js';
export { LeaseLostError } from './errors/lease-lost.error.js';
export { QueueClosedError } from './errors/queue-closed.error.js';
export { ResultTimeoutError } from './errors/result-timeout.error.js';
export { SerializationError } from './errors/serialization.error.js';
export { TaskCancelledError } from './errors/task-cancelled.error.js';
export { TaskFailedError } from './errors/task-failed.error.js';
export { TaskNotFoundError } from './errors/task-not-found.error.js';
export { TaskTimeoutError } from './errors/task-timeout.error.js';
export { TransactionRolledBackError } from './errors/transaction-rolled-back.error.js';
export { ValidationError } from './errors/validation.error.js';
export { WorkerShutdownError } from './errors/worker-shutdown.error.js';
