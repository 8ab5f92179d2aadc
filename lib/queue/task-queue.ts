import type { DataSource, EntityManager } from 'typeorm';
import { AfterSettle } from '../core/after-settle.js';
import type { Backend } from '../core/backend.js';
import { isCancellingBackend } from '../core/capabilities/cancelling-backend.js';
import { clockOf } from '../core/capabilities/clocked-backend.js';
import { isCountingBackend, type TaskCounts } from '../core/capabilities/counting-backend.js';
import { isJournalingBackend, type LogLine } from '../core/capabilities/journaling-backend.js';
import { requireCapability } from '../core/capabilities/require-capability.js';
import { isWorkerListingBackend } from '../core/capabilities/worker-listing-backend.js';
import type { Clock } from '../core/clock.js';
import { DefaultSerializer } from '../core/default-serializer.js';
import type { Duration } from '../core/duration.js';
import type { ArgsOf, HandlerClass, MethodOf, ResultOf } from '../core/handler-types.js';
import type { SitqLogger } from '../core/logger.js';
import { isName } from '../core/option-checks.js';
import { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin } from '../core/plugin.js';
import { HandlerRegistry } from '../core/registry.js';
import type { Result } from '../core/result.js';
import type { Serializer } from '../core/serializer.js';
import { showValue } from '../core/show-value.js';
import type { TaskExplanation } from '../core/task-explanation.js';
import { toResult, toTask } from '../core/task-view.js';
import type { Task, TaskStatus } from '../core/task.js';
import type { WorkerInfo } from '../core/worker-info.js';
import { toWorkerInfo } from '../core/worker-view.js';
import { QueueClosedError } from '../errors/queue-closed.error.js';
import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import { ValidationError } from '../errors/validation.error.js';
import type { EnqueueManyOptions } from '../interfaces/enqueue-many-options.interface.js';
import type { EnqueueOptions } from '../interfaces/enqueue-options.interface.js';
import { planBulk } from './bulk-plan.js';
import { oneAhead } from './one-ahead.js';
import { NameWatch } from './name-watch.js';
import { planEnqueue, type EnqueuePlan } from './enqueue-plan.js';
import { readTimeout } from './read-timeout.js';
import { ResultWaiter } from './result-waiter.js';
import { TaskDrafter } from './task-drafter.js';
import { TaskExplainer } from './task-explainer.js';
import { TaskHandle } from './task-handle.js';
import { createTaskProxy, type TaskProxy } from './task-proxy.js';
import { TaskStore } from './task-store.js';
import { TaskTargets } from './task-target.js';
import { TaskTransactions } from './task-transactions.js';

/**
 * What a queue is made of; Nest provides all of it.
 *
 * @publicApi
 */
export interface TaskQueueParts {
  readonly backend: Backend;
  /** @default DefaultSerializer */
  readonly serializer?: Serializer;
  /** Handlers of this process, whose queue and priority are the defaults. @default none */
  readonly registry?: HandlerRegistry;
  /** Where it is said that no live worker has a handler of this name. @default nowhere */
  readonly logger?: SitqLogger;
  /** @default none */
  readonly plugins?: readonly Plugin[];
  /** @default that of the backend, else of this machine */
  readonly clock?: Clock;
  /** The manager of the transaction that is under way where it is called. @default none */
  readonly transaction?: () => EntityManager | undefined;
  /** The DataSource of the application in which {@link TaskQueue.transaction} begins. @default none */
  readonly dataSource?: () => DataSource | undefined;
}

/**
 * Where tasks are enqueued and followed. Inject it anywhere.
 *
 * @publicApi
 */
export class TaskQueue {
  readonly backend: Backend;
  private readonly codec: PayloadCodec;
  private readonly targets: TaskTargets;
  private readonly drafter: TaskDrafter;
  private readonly store: TaskStore;
  private readonly results: ResultWaiter;
  private readonly transactions: TaskTransactions;
  private readonly names: NameWatch;
  private readonly afterSettle: AfterSettle;

  constructor(private readonly parts: TaskQueueParts) {
    const { backend, serializer = new DefaultSerializer() } = parts;
    const clock = parts.clock ?? clockOf(backend);
    this.backend = backend;
    this.codec = new PayloadCodec(serializer);
    const registry = parts.registry ?? new HandlerRegistry();
    this.targets = new TaskTargets(registry);
    this.names = new NameWatch(backend, registry, parts.logger);
    this.drafter = new TaskDrafter(this.codec, clock, parts.plugins ?? []);
    const { logger, plugins = [] } = parts;
    this.afterSettle = new AfterSettle(backend, this.codec, plugins, logger);
    this.store = new TaskStore(backend, this.codec);
    this.results = new ResultWaiter(backend);
    this.transactions = new TaskTransactions(backend, parts);
  }

  /**
   * Stores a task. When the promise resolves, the task is safe.
   *
   * @example
   * await queue.enqueue('MailTasks.welcome', ['ann@example.org'], { delay: '5m' });
   * await queue.enqueue(MailTasks, 'welcome', ['ann@example.org']);
   *
   * @throws ValidationError for a bad option, SerializationError for arguments that cannot be
   * kept, QueueClosedError after shutdown: nothing is stored. BackendError when the store cannot do
   * it, after 5 s where a server refuses and 15 s at most where it is silent; then a `transient` one
   * leaves open whether the task is stored. Repeat it with the same `id`: it stays one task.
   */
  enqueue<R = unknown>(
    name: string,
    args?: readonly unknown[],
    options?: EnqueueOptions,
  ): Promise<TaskHandle<R>>;
  enqueue<T, K extends MethodOf<T>>(
    handlers: HandlerClass<T>,
    method: K,
    args: ArgsOf<T, K>,
    options?: EnqueueOptions,
  ): Promise<TaskHandle<ResultOf<T, K>>>;
  async enqueue(...call: unknown[]): Promise<TaskHandle> {
    const [target, args = [], options] = this.targets.readCall(call);
    const plan = planEnqueue(`enqueue of ${target.name}`, options as EnqueueOptions | undefined);
    const manager = this.managerFor(plan);
    const draft = this.drafter.draft(target, args, plan);
    const task = draft instanceof Promise ? await draft : draft;
    await this.store.put([task], manager);
    this.names.note(target.name);
    return new TaskHandle(task.id, this);
  }

  /**
   * The handlers of a class as functions that enqueue; arguments and result are inferred.
   *
   * @example
   * const handle = await queue.for(MailTasks, { priority: 5 }).welcome('ann@example.org');
   */
  for<T>(handlers: HandlerClass<T>, options?: EnqueueOptions): TaskProxy<T> {
    if (typeof handlers !== 'function' || !handlers.prototype) {
      throw refuse(
        `Give a class with @Task() methods, not ${showValue(handlers)}.`,
        'handlers',
        handlers,
      );
    }
    return createTaskProxy<T>(
      (method) => this.targets.has(handlers, method),
      (method, args) =>
        this.enqueue(handlers as HandlerClass<never>, method as never, args as never, options),
    );
  }

  /**
   * Stores one task per array of arguments, in chunks of bounded size, each one transaction. The
   * iterable may be endless in practice: while a chunk is stored, only the next one is drawn.
   *
   * @returns how many tasks were stored.
   * @throws as {@link enqueue}; chunks before the error are stored, its own is not.
   */
  enqueueMany(
    name: string,
    argsOfEach: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>,
    options?: EnqueueManyOptions,
  ): Promise<number>;
  enqueueMany<T, K extends MethodOf<T>>(
    handlers: HandlerClass<T>,
    method: K,
    argsOfEach: Iterable<ArgsOf<T, K>> | AsyncIterable<ArgsOf<T, K>>,
    options?: EnqueueManyOptions<ArgsOf<T, K>>,
  ): Promise<number>;
  async enqueueMany(...call: unknown[]): Promise<number> {
    const [target, argsOfEach, options] = this.targets.readCall(call);
    const label = `enqueueMany of ${target.name}`;
    const bulk = planBulk(label, options as EnqueueManyOptions | undefined);
    if (!isIterable(argsOfEach)) {
      throw refuse(`${label}: give an iterable of argument arrays.`, 'args', argsOfEach);
    }
    const manager = this.managerFor(bulk);
    const drafts = this.drafter.draftChunks(target, argsOfEach, bulk);
    this.names.note(target.name);
    let stored = 0;
    // A connection of the application may have its own use for the time between.
    for await (const tasks of manager ? drafts : oneAhead(drafts)) {
      await this.store.put(tasks, manager);
      stored += tasks.length;
      bulk.onChunk?.(tasks.map((task) => task.id));
    }
    return stored;
  }

  /**
   * Runs `work` in a transaction of the application's DataSource. Inside of another one it is a
   * savepoint of that. On SQLite one waits for the other; on servers they run side by side.
   *
   * @example
   * await queue.transaction(async (manager) => {
   *   await manager.insert(Order, order);
   *   await queue.for(MailTasks, { manager }).confirm(order.id);
   * });
   *
   * @throws what `work` throws; ValidationError where no DataSource is known (`dataSource`), a
   * transient BackendError when another one with tasks in it stays open for 15 s on SQLite.
   */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.transactions.run(work);
  }

  /** The task with this id, or null. */
  async getTask(taskId: string): Promise<Task | null> {
    if (!isName(taskId)) return null;
    const stored = await this.backend.getTask(taskId);
    return stored && toTask(stored, this.codec);
  }

  /** A handle of a task that was enqueued earlier or elsewhere. Does not look whether it exists. */
  handle<R = unknown>(taskId: string): TaskHandle<R> {
    return new TaskHandle<R>(taskId, this);
  }

  /**
   * Waits until the task has ended and resolves to its result, whichever way it ended.
   *
   * @param options.timeout how long to wait; null is returned when it is over, 0 only looks.
   * @default for ever
   * @param options.signal ends the waiting with its reason.
   * @throws TaskNotFoundError when there is no such task.
   */
  getResult(
    taskId: string,
    options?: { timeout?: undefined; signal?: AbortSignal },
  ): Promise<Result>;
  getResult(
    taskId: string,
    options: { timeout?: Duration; signal?: AbortSignal },
  ): Promise<Result | null>;
  async getResult(
    taskId: string,
    options: { timeout?: Duration; signal?: AbortSignal } = {},
  ): Promise<Result | null> {
    const timeout = readTimeout(options.timeout);
    requireId(taskId);
    const result = await this.results.wait(taskId, timeout, options.signal);
    return result && toResult(result);
  }

  /**
   * The value of a successful result.
   *
   * @throws SerializationError when it cannot be read back.
   */
  deserializeResult(result: Pick<Result, 'value'>): unknown {
    return result.value === null ? undefined : this.codec.decode(result.value);
  }

  /** The lines that the task's handler logged, oldest first. @throws TaskNotFoundError */
  async getLog(taskId: string): Promise<LogLine[]> {
    const backend = requireCapability(
      this.backend,
      isJournalingBackend,
      'JournalingBackend',
      'keep logs',
    );
    requireId(taskId);
    const lines = await backend.getLog(taskId);
    if (!lines) throw new TaskNotFoundError(taskId);
    return lines;
  }

  /**
   * Cancels a task: one that waits at once, a running one by aborting its signal, in whatever
   * process it runs. What becomes of a running one is decided when its run ends: a handler that
   * finishes anyway has completed it.
   *
   * @returns the state right after: `cancelled`, `running` while the run goes on, or the final
   * state of a task that had ended before.
   * @throws TaskNotFoundError when there is no such task.
   */
  async cancel(taskId: string): Promise<TaskStatus> {
    const backend = requireCapability(
      this.backend,
      isCancellingBackend,
      'CancellingBackend',
      'cancel tasks',
    );
    requireId(taskId);
    if (await this.endsWaiting(taskId)) return 'cancelled';
    const status = await backend.cancelTask(taskId);
    if (!status) throw new TaskNotFoundError(taskId);
    return status;
  }

  /** How many tasks are in each state. */
  async counts(): Promise<TaskCounts> {
    return requireCapability(
      this.backend,
      isCountingBackend,
      'CountingBackend',
      'count tasks',
    ).counts();
  }

  /**
   * The workers of every process on this store, oldest first. One that fell silent is not alive
   * any more, and is left out once another worker has taken its tasks over.
   */
  async workers(): Promise<readonly WorkerInfo[]> {
    const backend = requireCapability(
      this.backend,
      isWorkerListingBackend,
      'WorkerListingBackend',
      'list workers',
    );
    return (await backend.listWorkers()).map(toWorkerInfo);
  }

  /**
   * Why a task is not running, or what became of it: `reason` for programs, `text` for people.
   * A look at one moment, for a person who asks; not something to poll.
   *
   * @example
   * const why = await queue.explain(id);
   * if (why.state === 'waiting' && why.reason === 'no-worker') alert(why.text);
   *
   * @throws TaskNotFoundError when there is no such task, BackendError when the store cannot tell.
   */
  async explain(taskId: string): Promise<TaskExplanation> {
    const explainer = new TaskExplainer(this.backend);
    requireId(taskId);
    return explainer.explain(taskId);
  }

  /** Ends every wait for a result; the backend is closed by whoever opened it. */
  close(): void {
    this.names.close();
    this.results.close(new QueueClosedError('wait for a result'));
  }

  /**
   * Cancels a task that waits and tells the plugins, where some want to know: only a change that is
   * refused for any other task tells whether this call has ended it.
   */
  private async endsWaiting(taskId: string): Promise<boolean> {
    if (this.afterSettle.isIdle) return false;
    try {
      await this.backend.updateTaskStatus(taskId, 'cancelled');
    } catch (error) {
      if (error instanceof ValidationError || error instanceof TaskNotFoundError) return false;
      throw error;
    }
    await this.afterSettle.tellOf(taskId, 'cancel');
    return true;
  }

  private managerFor({ manager }: Pick<EnqueuePlan, 'manager'>): EntityManager | undefined {
    return manager === undefined ? this.parts.transaction?.() : (manager ?? undefined);
  }
}

/**
 * What no task can have as its id, such as what a request brings instead of text, does not get to
 * the database: each would read it in its own way.
 */
function requireId(taskId: unknown): asserts taskId is string {
  if (!isName(taskId)) throw new TaskNotFoundError(showValue(taskId));
}

function refuse(message: string, option: string, value: unknown): ValidationError {
  return new ValidationError(message, option, value);
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  );
}
