import { randomUUID } from 'node:crypto';
import { AfterSettle } from '../core/after-settle.js';
import { isCancellingBackend } from '../core/capabilities/cancelling-backend.js';
import {
  isLeasingBackend,
  type LeasingBackend,
  type WorkerRegistration,
} from '../core/capabilities/leasing-backend.js';
import {
  isThreadBeatingBackend,
  type ThreadBeatingBackend,
} from '../core/capabilities/thread-beating-backend.js';
import { isWakingBackend, type BackendChange } from '../core/capabilities/waking-backend.js';
import { clockOf } from '../core/capabilities/clocked-backend.js';
import type { Clock } from '../core/clock.js';
import { DefaultSerializer } from '../core/default-serializer.js';
import { PayloadCodec } from '../core/payload-codec.js';
import { currentProcess } from '../core/process-identity.js';
import type { Handler } from '../core/handler.js';
import { TaskContext } from '../core/task-context.js';
import type { ReservedTask } from '../core/task.js';
import { textOf } from '../core/text-of.js';
import { VERSION } from '../core/version.js';
import { within } from '../core/within.js';
import { withoutContext } from '../core/without-context.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { WorkerShutdownError } from '../errors/worker-shutdown.error.js';
import { CancelWatch } from './cancel-watch.js';
import { Claimer } from './claimer.js';
import { Culprits } from './heartbeat/culprits.js';
import { HeartbeatThread } from './heartbeat/heartbeat-thread.js';
import { notIsolated } from './isolation/not-isolated.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LoopLag } from './loop-lag.js';
import { OutageLog } from './outage-log.js';
import { Outstanding } from './outstanding.js';
import { PluginTicker } from './plugin-ticker.js';
import { Reporter } from './reporter.js';
import { RunTransactions } from './run-transactions.js';
import type { RunObserver } from './run-observer.js';
import { Settler } from './settler.js';
import { Slots } from './slots.js';
import { TaskRun, type TaskRunParts } from './task-run.js';
import { TaskRunner } from './task-runner.js';
import type { WorkerParts } from './worker-parts.js';
import { readWorkerOptions, type WorkerSettings } from './worker-settings.js';
import type { WorkerStats } from './worker-stats.js';

/** Aborted handlers have a fifth of the shutdown timeout, at most so many ms, to come to an end. */
const LONGEST_ABORT = 2000;
/** How long the last writes of a shutdown may take, in ms. */
const LAST_WRITES = 1000;
const NOT_ENDED = 'The handler closed the application and did not end within the shutdown timeout.';
/** How often to look whether tasks that were claimed ahead still wait, in ms. */
const LINE_INTERVAL = 100;

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
  private readonly context: TaskContext;
  private readonly outages: OutageLog;
  private readonly reporter: Reporter;
  private readonly settler: Settler;
  private readonly runParts: TaskRunParts;
  private readonly afterSettle: AfterSettle;
  private readonly runner: TaskRunner;
  private readonly ticker: PluginTicker;
  private readonly loopLag = new LoopLag();
  private slots: Slots;
  private claimer: Claimer | undefined;
  private leases: LeaseKeeper | undefined;
  private cancels: CancelWatch | undefined;
  private heartbeat: HeartbeatThread | undefined;
  private readonly culprits = new Culprits();

  private readonly outstanding = new Outstanding();
  private slotFreed = false;
  private lineTimer: NodeJS.Timeout | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private ending: Promise<void> | undefined;
  private stopListening: (() => void) | undefined;

  /** @throws ConfigurationError for a bad option. */
  constructor(private readonly parts: WorkerParts) {
    const { backend, logger, plugins = [], clock = clockOf(backend) } = parts;
    this.settings = readWorkerOptions(parts.options ?? {});
    this.clock = clock;
    this.context = parts.context ?? new TaskContext();
    this.codec = new PayloadCodec(parts.serializer ?? new DefaultSerializer());
    this.slots = new Slots(this.settings.concurrency, []);
    this.outages = new OutageLog(this.id, logger);
    this.reporter = new Reporter(backend, logger, this, this.outages);
    this.runParts = {
      workerId: this.id,
      codec: this.codec,
      transactions: new RunTransactions(backend, this.codec),
      onReport: this.reporter.add,
    };
    this.ticker = new PluginTicker(plugins, clock, logger, this.outages);
    this.settler = new Settler(backend, this.codec, logger, this.outages);
    this.afterSettle = new AfterSettle(backend, this.codec, plugins, logger);
    this.runner = new TaskRunner({
      afterSettle: this.afterSettle,
      clock,
      logger,
      plugins,
      observer: this,
      codec: this.codec,
      context: this.context,
      reporter: this.reporter,
      settler: this.settler,
      timeoutGrace: this.settings.timeoutGrace,
      isolation: parts.isolation,
    });
  }

  /** Registers the worker and begins to claim. */
  start(): Promise<void> {
    this.starting ??= withoutContext(() => this.begin());
    return this.starting;
  }

  /**
   * Drains and stops. Calling it again, or while it is under way, gives the same promise. It does
   * not wait for a handler that calls it: see {@link lingering}.
   */
  stop(): Promise<void> {
    const caller = this.slots.all().find((run) => run === this.context.current);
    if (caller && !caller.concluded) this.outstanding.addCloser(caller);
    this.stopping ??= this.drain();
    return this.stopping;
  }

  /** The end of what {@link stop} did not wait for, if there is anything. */
  lingering(): Promise<void> | undefined {
    return this.ending;
  }

  stats(): WorkerStats {
    const { inFlight, stuck } = this.slots;
    return { state: this.state, inFlight, stuck, refused: this.refusals };
  }

  private async begin(): Promise<void> {
    if (this.state !== 'created') return;
    this.state = 'running';
    const { backend, logger } = this.parts;
    const { concurrency, pollInterval, queues } = this.settings;
    const handlers = await this.startHandlers();
    this.slots = new Slots(concurrency, handlers);
    if (this.isStopping()) return;
    if (isLeasingBackend(backend)) {
      this.loopLag.start();
      this.leases = this.createLeaseKeeper(backend, handlers);
    }
    await this.leases?.start();
    if (this.isStopping()) return;
    if (isThreadBeatingBackend(backend)) {
      this.heartbeat = this.createHeartbeat(backend);
      this.heartbeat?.start();
    }
    if (isCancellingBackend(backend)) {
      this.cancels = new CancelWatch(backend, this.id, this.slots, this.outages);
    }
    if (isWakingBackend(backend)) {
      this.stopListening = backend.onChange((change) => this.onChange(change));
    }
    this.ticker.start(pollInterval);
    logger.log(
      `Worker ${this.id} runs ${this.slots.capacities.size} handler(s), ${concurrency} task(s) at ` +
        `once, queues: ${queues?.join(', ') ?? 'all'}.`,
    );
    this.claimer = this.createClaimer();
    this.claimer.start();
  }

  /** With what each of them can take. @throws ConfigurationError when one cannot be isolated */
  private async startHandlers(): Promise<Handler[]> {
    const { isolation, registry } = this.parts;
    const handlers = registry.all();
    const isolated = handlers.filter((handler) => handler.isolate);
    if (isolated.length === 0) return handlers;
    if (!isolation) throw notIsolated(isolated[0]!);
    await isolation.start(isolated);
    const { threads } = isolation;
    return handlers.map((handler) =>
      handler.isolate
        ? { ...handler, concurrency: Math.min(handler.concurrency, threads) }
        : handler,
    );
  }

  /** Asked after an await, which the compiler takes for no change. */
  private isStopping(): boolean {
    return this.state !== 'running';
  }

  private runTask(reserved: ReservedTask): void {
    const handler = this.parts.registry.get(reserved.name);
    this.outstanding.add();
    if (!handler || this.state !== 'running' || !this.slots.capacities.has(reserved.name)) {
      void this.handBack(reserved);
      return;
    }
    const run = new TaskRun(reserved, handler, this.clock.now(), this.runParts);
    if (this.slots.take(run)) void this.runner.run(run);
    else this.watchLine();
  }

  /**
   * Frees the slot, for the next in line at once. The ring comes once per turn of the event loop,
   * ahead of the commit that stores this turn's outcomes: the claim that follows then shares its
   * transaction.
   */
  ended(run: TaskRun): void {
    const next = this.slots.release(run);
    if (next) void this.runner.run(next);
    this.claimer?.lookahead.noteEnd();
    this.culprits.noteEnded(run);
    if (this.slotFreed) return;
    this.slotFreed = true;
    setImmediate(() => {
      this.slotFreed = false;
      this.claimer?.wake();
    });
  }

  /**
   * Runs that were soon over may be followed by some that are not: when no slot has become free
   * between two looks, others may take what waits in line.
   */
  private watchLine(freed = this.slots.freed): void {
    this.lineTimer ??= setTimeout(() => {
      this.lineTimer = undefined;
      if (this.slots.freed === freed) {
        for (const run of this.slots.dismiss()) void this.handBack(run.reserved);
      } else if (this.slots.waiting > 0) {
        this.watchLine();
      }
    }, LINE_INTERVAL).unref();
  }

  settled(run: TaskRun): void {
    this.outstanding.remove(run);
  }

  refused({ reserved: { id, name, lease } }: TaskRun): void {
    this.refusals += 1;
    this.parts.logger.warn(
      `Task ${name} ${id} was handed on while its handler ran; what lease ${lease} wanted to ` +
        `write was refused.`,
    );
  }

  computed(run: TaskRun, ms: number): void {
    this.culprits.noteComputed(run, ms);
  }

  stuckChanged(): void {
    void this.leases?.beat();
  }

  /** A task that came when it could not be run any more, or that this process does not know. */
  private async handBack(reserved: ReservedTask): Promise<void> {
    const { id, name } = reserved;
    const eta = this.clock.now() + this.settings.lease;
    const isKnown = this.parts.registry.get(name) !== undefined;
    try {
      await this.settler.store(
        reserved,
        isKnown ? { kind: 'given-back' } : { kind: 'snoozed', eta },
      );
      void this.tellIfCancelled(reserved);
    } catch (error) {
      this.parts.logger.warn(`Task ${name} ${id} could not be given back: ${textOf(error)}`);
    }
    this.outstanding.remove();
  }

  /** A cancel that came for it meanwhile is its end. */
  private async tellIfCancelled({ id, lease }: ReservedTask): Promise<void> {
    const { afterSettle } = this;
    if (afterSettle.isIdle) return;
    if (await afterSettle.wasCancelled(id, lease)) await afterSettle.tellOf(id, 'cancel');
  }

  private onChange({ kind }: BackendChange): void {
    if (kind === 'settled') return;
    if (kind !== 'enqueued') void this.cancels?.check();
    this.claimer?.wake();
  }

  private async drain(): Promise<void> {
    const { shutdownTimeout } = this.settings;
    const deadline = performance.now() + shutdownTimeout;
    const started = this.state !== 'created';
    await within(shutdownTimeout, this.starting);
    this.state = 'draining';
    const claimed = this.claimer?.stop();
    for (const run of this.slots.dismiss()) void this.handBack(run.reserved);
    if (started) {
      const abortAt = deadline - Math.min(LONGEST_ABORT, shutdownTimeout / 5);
      await within(abortAt - performance.now(), claimed);
      await this.outstanding.others(abortAt);
      for (const run of this.outstanding.among(this.slots.all()))
        run.abort(new WorkerShutdownError());
      await this.outstanding.others(deadline);
      await this.parts.isolation?.stop(); // whoever is next must not find one that goes on
      this.giveBackWhatRuns();
      await this.outstanding.others(performance.now() + LAST_WRITES);
    }
    const ending = this.end(started, deadline);
    if (this.outstanding.closers.length === 0) return ending;
    this.ending = ending;
  }

  /**
   * A handler that called for it spends its attempt when it does not end: it would call again. Its
   * time begins now, since until now it has waited for the others.
   */
  private async end(started: boolean, deadline: number): Promise<void> {
    const { outstanding, settings } = this;
    const isClosing = outstanding.closers.length > 0;
    await outstanding.all(isClosing ? performance.now() + settings.shutdownTimeout : deadline);
    for (const run of outstanding.closers) {
      if (run.concluded) continue; // its outcome is on its way
      void this.runner.conclude(run, { kind: 'threw', error: new Error(NOT_ENDED) });
    }
    if (started) {
      await this.outstanding.all(performance.now() + LAST_WRITES);
      await within(LAST_WRITES, this.leases?.stop());
      await within(LAST_WRITES, this.heartbeat?.stop());
    }
    this.ticker.stop();
    this.loopLag.stop();
    this.stopListening?.();
    this.context.close();
    this.state = 'stopped';
    if (started) this.parts.logger.log(`Worker ${this.id} has stopped.`);
  }

  private giveBackWhatRuns(): void {
    for (const run of this.outstanding.among(this.slots.all())) {
      this.parts.logger.warn(
        `Task ${run.reserved.name} ${run.reserved.id} still runs at the end of the shutdown ` +
          `timeout; it is given back.`,
      );
      void this.runner.conclude(run, { kind: 'threw', error: run.abortReason });
    }
  }

  private createClaimer(): Claimer {
    const { slots, settings, clock, outages } = this;
    return new Claimer({
      backend: this.parts.backend,
      workerId: this.id,
      slots,
      settings,
      clock,
      outages,
      onTask: (task) => this.runTask(task),
      onLeaseLost: async () => this.leases?.beat(),
      onRest: () => void this.cancels?.checkEvery(settings.pollInterval),
    });
  }

  private createLeaseKeeper(backend: LeasingBackend, handlers: readonly Handler[]): LeaseKeeper {
    return new LeaseKeeper({
      backend,
      lease: this.settings.lease,
      logger: this.parts.logger,
      outages: this.outages,
      registration: this.registration(handlers),
      load: async () => {
        const loopLag = await this.loopLag.take();
        const { inFlight, stuck } = this.slots;
        return { inFlight, stuck, lingering: this.slots.lingering(), loopLag };
      },
      onEnded: (taskId) => void this.afterSettle.tellOf(taskId, 'rescue'),
      onRenewed: () => this.heartbeat?.noteRenewed(),
      onLost: () => {
        this.claimer?.letGo();
        for (const run of this.slots.all()) {
          run.abort(new LeaseLostError(run.reserved.id, run.reserved.lease));
        }
      },
    });
  }

  private createHeartbeat(backend: ThreadBeatingBackend): HeartbeatThread | undefined {
    const { lease, maxBlocked } = this.settings;
    if (maxBlocked === 0) return undefined;
    const { logger } = this.parts;
    const onBlocked = (ms: number, isKept: boolean) => this.wasBlocked(ms, isKept);
    const parts = { workerId: this.id, lease, maxBlocked, backend, logger, onBlocked };
    return new HeartbeatThread(parts);
  }

  private wasBlocked(ms: number, isKept: boolean): void {
    this.parts.logger.warn(
      `The event loop stood still for ${(ms / 1000).toFixed(1)} s` +
        `${this.culprits.describe(ms, this.slots.all())}. ` +
        `${isKept ? 'The heartbeat thread kept the lease. ' : ''}` +
        `Give such work to a thread, or let go of the event loop now and then.`,
    );
  }

  /** @param handlers with what each can take: an isolated one no more than there are threads. */
  private registration(handlers: readonly Handler[]): WorkerRegistration {
    const { host, pid, identity: processIdentity } = currentProcess();
    const { concurrency, queues = null } = this.settings;
    const limited = handlers.filter((handler) => handler.concurrency < Infinity);
    return {
      id: this.id,
      host,
      pid,
      processIdentity,
      version: VERSION,
      queues,
      handlers: this.parts.registry.names(),
      limits: Object.fromEntries(limited.map((handler) => [handler.name, handler.concurrency])),
      concurrency,
    };
  }
}
