import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, HandlerCapacity, ReserveRequest } from '../core/backend.js';
import { isCancellingBackend } from '../core/capabilities/cancelling-backend.js';
import { isLeasingBackend } from '../core/capabilities/leasing-backend.js';
import { isWakingBackend, type BackendChange } from '../core/capabilities/waking-backend.js';
import { systemClock, type Clock } from '../core/clock.js';
import { DefaultSerializer } from '../core/default-serializer.js';
import type { SitqLogger } from '../core/logger.js';
import { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin } from '../core/plugin.js';
import { currentProcess } from '../core/process-identity.js';
import type { HandlerRegistry } from '../core/registry.js';
import type { Serializer } from '../core/serializer.js';
import { TaskContext } from '../core/task-context.js';
import type { ReservedTask } from '../core/task.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { TaskCancelledError } from '../errors/task-cancelled.error.js';
import { WorkerShutdownError } from '../errors/worker-shutdown.error.js';
import type { WorkerOptions } from '../interfaces/worker-options.interface.js';
import { Bell } from './bell.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Reporter } from './reporter.js';
import type { RunObserver } from './run-observer.js';
import { Settler } from './settler.js';
import { TaskRun } from './task-run.js';
import { TaskRunner } from './task-runner.js';
import { readWorkerOptions, type WorkerSettings } from './worker-settings.js';

/**
 * What a worker is made of; Nest provides all of it.
 *
 * @publicApi
 */
export interface WorkerParts {
  readonly backend: Backend;
  readonly registry: HandlerRegistry;
  readonly options?: WorkerOptions;
  /** @default DefaultSerializer */
  readonly serializer?: Serializer;
  /** @default a context of its own */
  readonly context?: TaskContext;
  /** @default none */
  readonly plugins?: readonly Plugin[];
  readonly logger: SitqLogger;
  /** @default the clock of this machine */
  readonly clock?: Clock;
}

/**
 * What a worker is doing.
 *
 * @publicApi
 */
export interface WorkerStats {
  readonly state: 'created' | 'running' | 'draining' | 'stopped';
  readonly inFlight: number;
  readonly stuck: number;
  /** Writes that were refused because the lease was no longer its own. */
  readonly refused: number;
}

/**
 * Claims tasks and runs them.
 *
 * `created` -> `start()` registers the worker, takes over tasks of dead ones -> `running`: as long
 * as there are free slots it claims up to as many tasks; a full batch is followed by the next
 * claim at once, otherwise it rests until a wake-up, the next eta or the poll interval, whichever
 * comes first. -> `stop()` -> `draining`: nothing more is claimed, running handlers may finish;
 * near the deadline their signals abort, at the deadline what still runs is given back without
 * its attempt. -> `stopped`: the registration is removed; a handler that never ends can write
 * nothing any more.
 *
 * @publicApi
 */
export class Worker implements RunObserver {
  /** Unique to this start of this process. */
  readonly id = randomUUID();

  private state: WorkerStats['state'] = 'created';
  private refusals = 0;
  private readonly settings: WorkerSettings;
  private readonly clock: Clock;
  private readonly codec: PayloadCodec;
  private readonly bell = new Bell();
  private readonly reporter: Reporter;
  private readonly runner: TaskRunner;
  private readonly leases: LeaseKeeper | null;
  private readonly capacities = new Map<string, HandlerCapacity>();
  private readonly request: ReserveRequest;

  /** Runs whose handler has not ended, by task; each takes a slot. */
  private readonly runs = new Map<string, TaskRun>();
  /** How many claimed tasks have no stored outcome yet. */
  private unsettled = 0;
  private readonly idle = new Bell();
  private slotFreed = false;
  private outage = false;
  private checkingCancels = false;
  private cancelsCheckedAt = 0;
  private starting: Promise<void> | undefined;
  private loop: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private stopListening: (() => void) | undefined;
  private ticker: NodeJS.Timeout | undefined;

  /** @throws ConfigurationError for a bad option. */
  constructor(private readonly parts: WorkerParts) {
    const { backend, logger, plugins = [], context = new TaskContext() } = parts;
    this.settings = readWorkerOptions(parts.options ?? {});
    this.clock = parts.clock ?? systemClock;
    this.codec = new PayloadCodec(parts.serializer ?? new DefaultSerializer());
    this.reporter = new Reporter(backend, logger, this);
    this.runner = new TaskRunner({
      logger,
      plugins,
      context,
      observer: this,
      codec: this.codec,
      reporter: this.reporter,
      settler: new Settler(backend, this.codec, logger),
      clock: this.clock,
      timeoutGrace: this.settings.timeoutGrace,
    });
    this.leases = this.createLeaseKeeper();
    this.request = { queues: this.settings.queues, handlers: this.capacities };
  }

  /** Registers the worker and begins to claim. */
  start(): Promise<void> {
    this.starting ??= this.begin();
    return this.starting;
  }

  /** Drains and stops. Calling it again, or while it is under way, gives the same promise. */
  stop(): Promise<void> {
    this.stopping ??= this.drain();
    return this.stopping;
  }

  stats(): WorkerStats {
    return { state: this.state, refused: this.refusals, ...this.load() };
  }

  private async begin(): Promise<void> {
    if (this.state !== 'created') return;
    this.state = 'running';
    for (const { name, concurrency, maxAttempts } of this.parts.registry.all()) {
      this.capacities.set(name, { free: concurrency, maxAttempts });
    }
    await this.leases?.start();
    const { backend, logger } = this.parts;
    if (isWakingBackend(backend)) {
      this.stopListening = backend.onChange((change) => this.onChange(change));
    }
    this.startTicking();
    logger.log(
      `Worker ${this.id} runs ${this.capacities.size} handler(s), ${this.settings.concurrency} ` +
        `task(s) at once, queues: ${this.settings.queues?.join(', ') ?? 'all'}.`,
    );
    this.loop = this.claimAndRun();
  }

  private async claimAndRun(): Promise<void> {
    while (this.state === 'running') {
      const free = this.settings.concurrency - this.runs.size;
      const tasks = free > 0 ? await this.reserve(free) : [];
      for (const task of tasks) this.runTask(task);
      if (tasks.length < free || free === 0) await this.rest(free);
    }
  }

  private async reserve(maxTasks: number): Promise<ReservedTask[]> {
    try {
      const tasks = await this.parts.backend.reserveTask(this.id, { ...this.request, maxTasks });
      if (this.outage) this.parts.logger.log(`Worker ${this.id} can claim tasks again.`);
      this.outage = false;
      return tasks;
    } catch (error) {
      if (error instanceof LeaseLostError) await this.leases?.beat();
      else await this.sitOut(error);
      return [];
    }
  }

  /** One line per outage in the log, one attempt per poll interval at the store. */
  private async sitOut(error: unknown): Promise<void> {
    if (!this.outage) {
      this.parts.logger.error(`Worker ${this.id} cannot claim tasks: ${String(error)}`);
    }
    this.outage = true;
    await sleep(this.settings.pollInterval * (0.5 + Math.random()), undefined, { ref: false });
  }

  private async rest(free: number): Promise<void> {
    const { backend } = this.parts;
    let until = this.settings.pollInterval;
    if (free > 0 && isWakingBackend(backend)) {
      const eta = await backend.nextEta(this.request).catch(() => null);
      if (eta !== null) until = Math.min(until, Math.max(1, eta - this.clock.now()));
    }
    await this.bell.wait(until);
    const now = performance.now();
    if (now - this.cancelsCheckedAt >= this.settings.pollInterval) void this.checkCancels();
  }

  private runTask(reserved: ReservedTask): void {
    const handler = this.parts.registry.get(reserved.name);
    this.unsettled += 1;
    if (!handler || this.state !== 'running') {
      void this.handBack(reserved);
      return;
    }
    const now = this.clock.now();
    const run = new TaskRun(reserved, handler, this.id, this.codec, now, this.reporter.add);
    this.capacities.get(handler.name)!.free -= 1;
    this.runs.set(reserved.id, run);
    void this.runner.run(run);
  }

  /**
   * Frees the slot. The ring comes once per turn of the event loop, ahead of the commit that
   * stores this turn's outcomes: the claim that follows then shares its transaction.
   */
  ended({ reserved, handler }: TaskRun): void {
    this.capacities.get(handler.name)!.free += 1;
    this.runs.delete(reserved.id);
    if (this.slotFreed) return;
    this.slotFreed = true;
    setImmediate(() => {
      this.slotFreed = false;
      this.bell.ring();
    });
  }

  settled(): void {
    this.unsettled -= 1;
    if (this.unsettled === 0) this.idle.ring();
  }

  refused({ reserved: { id, name, lease } }: TaskRun): void {
    this.refusals += 1;
    this.parts.logger.warn(
      `Task ${name} ${id} was handed on while its handler ran; what lease ${lease} wanted to ` +
        `write was refused.`,
    );
  }

  stuckChanged(): void {
    void this.leases?.beat();
  }

  /** A task that came when it could not be run any more, or that this process does not know. */
  private async handBack({ id, lease, name }: ReservedTask): Promise<void> {
    const eta = this.parts.registry.get(name) ? undefined : this.clock.now() + this.settings.lease;
    try {
      await this.parts.backend.updateTaskStatus(id, 'queued', { lease, eta, giveBack: true });
    } catch (error) {
      this.parts.logger.warn(`Task ${name} ${id} could not be given back: ${String(error)}`);
    }
    this.settled();
  }

  private onChange({ kind }: BackendChange): void {
    if (kind === 'settled') return;
    if (kind !== 'enqueued') void this.checkCancels();
    this.bell.ring();
  }

  private async checkCancels(): Promise<void> {
    const { backend, logger } = this.parts;
    if (this.checkingCancels || this.runs.size === 0 || !isCancellingBackend(backend)) return;
    this.checkingCancels = true;
    this.cancelsCheckedAt = performance.now();
    try {
      for (const taskId of await backend.cancelRequests(this.id)) {
        this.runs.get(taskId)?.abort(new TaskCancelledError(taskId));
      }
    } catch (error) {
      logger.warn(`Worker ${this.id} could not look for cancelled tasks: ${String(error)}`);
    } finally {
      this.checkingCancels = false;
    }
  }

  private async drain(): Promise<void> {
    const deadline = performance.now() + this.settings.shutdownTimeout;
    const started = this.state !== 'created';
    await within(this.settings.shutdownTimeout, this.starting);
    this.state = 'draining';
    this.bell.ring();
    if (started) {
      const grace = Math.min(2000, this.settings.shutdownTimeout / 5);
      await this.allSettled(deadline - grace);
      for (const run of this.runs.values()) run.abort(new WorkerShutdownError());
      await this.allSettled(deadline);
      await this.giveBackWhatRuns();
      await within(1000, this.leases?.stop());
    }
    clearInterval(this.ticker);
    this.stopListening?.();
    this.state = 'stopped';
    if (started) this.parts.logger.log(`Worker ${this.id} has stopped.`);
  }

  /** Resolves when every outcome is stored, or at the deadline. */
  private async allSettled(deadline: number): Promise<void> {
    await within(deadline - performance.now(), this.loop);
    while (this.unsettled > 0 && performance.now() < deadline) {
      await this.idle.wait(deadline - performance.now());
    }
  }

  private async giveBackWhatRuns(): Promise<void> {
    const left = [...this.runs.values()].filter((run) => !run.concluded);
    for (const run of left) {
      this.parts.logger.warn(
        `Task ${run.reserved.name} ${run.reserved.id} still runs at the end of the shutdown ` +
          `timeout; it is given back.`,
      );
    }
    const ends = left.map((run) =>
      this.runner.conclude(run, { kind: 'threw', error: run.abortReason }),
    );
    await within(1000, Promise.all(ends));
  }

  private createLeaseKeeper(): LeaseKeeper | null {
    const { backend, logger, registry } = this.parts;
    if (!isLeasingBackend(backend)) return null;
    const { host, pid, identity } = currentProcess();
    const { queues = null, lease } = this.settings;
    return new LeaseKeeper({
      backend,
      lease,
      logger,
      registration: {
        id: this.id,
        host,
        pid,
        processIdentity: identity,
        queues,
        handlers: registry.names(),
      },
      load: () => this.load(),
      onLost: () => {
        for (const run of this.runs.values()) {
          run.abort(new LeaseLostError(run.reserved.id, run.reserved.lease));
        }
      },
    });
  }

  private load(): { inFlight: number; stuck: number } {
    let stuck = 0;
    for (const run of this.runs.values()) if (run.stuck) stuck += 1;
    return { inFlight: this.runs.size, stuck };
  }

  private startTicking(): void {
    const { plugins = [], logger } = this.parts;
    const ticking = plugins.filter((plugin) => plugin.tick);
    if (ticking.length === 0) return;
    let busy = false;
    this.ticker = setInterval(async () => {
      if (busy) return;
      busy = true;
      for (const plugin of ticking) {
        try {
          await plugin.tick?.(new Date(this.clock.now()));
        } catch (error) {
          logger.warn(`Plugin ${plugin.name} failed in tick: ${String(error)}`);
        }
      }
      busy = false;
    }, this.settings.pollInterval);
  }
}

/** Waits for the work, but no longer than so many ms. */
async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  if (!work || ms <= 0) return;
  const timeout = new AbortController();
  const timer = sleep(ms, undefined, { signal: timeout.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), timer]);
  timeout.abort();
}
