import { isObservable, type Observable } from 'rxjs';
import type { AfterSettle } from '../core/after-settle.js';
import type { Clock } from '../core/clock.js';
import type { SitqLogger } from '../core/logger.js';
import { decideOutcome, type Outcome, type RunEnd, type RunFacts } from '../core/outcome.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin } from '../core/plugin.js';
import { readArgs } from '../core/read-args.js';
import { readBackoff } from '../core/read-backoff.js';
import { toStoredError } from '../core/stored-error.js';
import { textOf } from '../core/text-of.js';
import type { TaskContext } from '../core/task-context.js';
import { TaskTimeoutError } from '../errors/task-timeout.error.js';
import { TransactionRolledBackError } from '../errors/transaction-rolled-back.error.js';
import type { Isolation } from './isolation/isolation.js';
import { lastValueOf } from './observable-result.js';
import type { Reporter } from './reporter.js';
import type { RunObserver } from './run-observer.js';
import type { Settler, StorableOutcome } from './settler.js';
import type { TaskRun } from './task-run.js';

/** From so many ms on it is told who has kept the event loop busy. */
const LONG = 100;
/** A timer of more ms would run out at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What a runner works with. */
export interface TaskRunnerParts {
  readonly settler: Settler;
  readonly codec: PayloadCodec;
  readonly context: TaskContext;
  readonly plugins: readonly Plugin[];
  readonly afterSettle: AfterSettle;
  readonly reporter: Reporter;
  readonly logger: SitqLogger;
  readonly clock: Clock;
  /** How long after its timeout a handler counts as stuck, in ms. */
  readonly timeoutGrace: number;
  readonly observer: RunObserver;
  /** Where isolated handlers run. */
  readonly isolation: Isolation | undefined;
}

/**
 * Takes one claimed task through its steps: decode the arguments, call the handler, decide what
 * its end means, store that, tell the plugins.
 */
export class TaskRunner {
  private readonly around: readonly Plugin[];

  constructor(private readonly parts: TaskRunnerParts) {
    this.around = parts.plugins.filter((plugin) => plugin.aroundRun).toReversed();
  }

  /**
   * Resolves when the outcome is stored, or cannot be. Never rejects. A run that was aborted while
   * it waited for a slot does not begin.
   */
  async run(run: TaskRun): Promise<void> {
    // The time of an isolated run begins when a thread is free for it.
    const stopWatching = run.handler.isolate ? undefined : this.watchTimeout(run);
    let end: RunEnd;
    try {
      if (run.abortReason !== undefined) throw run.abortReason;
      const began = performance.now();
      const returned = run.within(() => this.parts.context.enter(run, this.call));
      const busy = performance.now() - began;
      if (busy > LONG) this.parts.observer.computed(run, busy);
      let value = isPromiseLike(returned) ? await this.promiseOf(returned, run) : returned;
      if (isObservable(value)) {
        const values = value;
        value = await run.within(() => this.observe(values, run));
      }
      end = { kind: 'returned', value };
    } catch (error) {
      end = { kind: 'threw', error };
    }
    if (run.joined.length > 0) await Promise.all(run.joined);
    stopWatching?.();
    this.parts.observer.ended(run);
    if (run.stuck) this.noteUnstuck(run);
    if (!run.concluded) await this.conclude(run, end);
  }

  /** Stores what the end of a run means. Once per run. */
  async conclude(run: TaskRun, end: RunEnd): Promise<void> {
    this.parts.reporter.flush(run);
    run.concluded = true;
    try {
      const isJoined = run.joined.length > 0;
      const outcome = await (isJoined ? this.settleJoined(run, end) : this.settle(run, end));
      if (outcome) {
        if (outcome.kind === 'failed' || outcome.kind === 'retry') this.logFailure(run, outcome);
        if (!this.parts.afterSettle.isIdle) await this.tell(run, outcome);
      }
    } catch {
      this.parts.observer.refused(run);
    }
    this.parts.observer.settled(run);
  }

  /**
   * Resolves to what is stored now, or undefined when nothing can be. Nothing is awaited on the way
   * of a handler that simply returns: every promise there is paid for by every task.
   */
  private settle(run: TaskRun, end: RunEnd): Promise<StorableOutcome | undefined> {
    const mayReturn = end.kind !== 'returned' || run.snoozeDelay !== undefined;
    const refreshed = mayReturn ? this.parts.clock.refresh?.() : undefined;
    const store = () => this.store(run, end);
    // In an outage by what is known of the time.
    return refreshed ? refreshed.then(store, store) : store();
  }

  private store(run: TaskRun, end: RunEnd): Promise<StorableOutcome | undefined> {
    const { settler } = this.parts;
    return settler.store(run.reserved, settler.toStorable(this.decide(run, end)));
  }

  /** The same for a run in transactions of its handler: only the store knows if they committed. */
  private async settleJoined(run: TaskRun, end: RunEnd): Promise<StorableOutcome | undefined> {
    await Promise.all(run.joined);
    if (!run.completion) return this.settle(run, end);
    const completed = await this.parts.settler.isCompleted(run.reserved);
    if (completed === undefined) return undefined;
    if (completed) {
      if (end.kind !== 'returned') this.noteLateEnd(run, end);
      return run.completion;
    }
    const error = new TransactionRolledBackError(run.reserved.id);
    return this.settle(run, end.kind === 'returned' ? { kind: 'threw', error } : end);
  }

  private noteLateEnd({ reserved: { id, name } }: TaskRun, end: RunEnd): void {
    const late = end.kind === 'threw' ? textOf(end.error) : 'a snooze';
    this.parts.logger.warn(
      `Task ${name} ${id} was completed in a transaction; how its run ended afterwards changes ` +
        `nothing: ${late}`,
    );
  }

  private readonly call = (run: TaskRun): unknown => {
    const invoke = this.invocationOf(run);
    if (this.around.length === 0) return invoke();
    return this.around.reduce(
      (next, plugin) => async () => plugin.aroundRun!(run.task, next),
      async () => {
        const value = await invoke();
        return isObservable(value) ? this.observe(value, run) : value;
      },
    )();
  };

  private invocationOf(run: TaskRun): () => unknown {
    if (run.handler.isolate) return () => this.runIsolated(run, this.parts.isolation!);
    const args = readArgs(run.reserved.payload, this.parts.codec);
    return () => run.handler.invoke(args);
  }

  private async runIsolated(run: TaskRun, isolation: Isolation): Promise<unknown> {
    let stopWatching: (() => void) | undefined;
    const onBegin = () => (stopWatching = this.watchTimeout(run));
    try {
      const text = await isolation.run(run, onBegin);
      return text === null ? undefined : this.parts.codec.decode(text);
    } finally {
      stopWatching?.();
    }
  }

  /** Aborts the signal when time is up, and calls the run stuck when the grace is over too. */
  private watchTimeout(run: TaskRun): (() => void) | undefined {
    const { timeout } = run;
    if (timeout === null || timeout > LONGEST_TIMER) return undefined;
    let timer = setTimeout(() => {
      run.abort(new TaskTimeoutError(run.reserved.id, timeout));
      if (run.handler.isolate) return; // its thread is ended after the grace
      timer = setTimeout(() => this.becomeStuck(run), this.parts.timeoutGrace).unref();
    }, timeout).unref();
    return () => clearTimeout(timer);
  }

  /**
   * The attempt has failed. After the last one that is the task's end; otherwise the task keeps
   * its lease until the handler really ends, so that it never runs twice at once.
   */
  private becomeStuck(run: TaskRun): void {
    if (run.concluded) return; // given back at a shutdown meanwhile
    run.stuck = true;
    run.log(`attempt ${run.attempt} timed out after ${run.timeout} ms and still runs`);
    const { id, name } = run.reserved;
    this.parts.logger.error(
      `Task ${name} ${id} is stuck: its handler ignores the signal that aborted after ` +
        `${run.timeout} ms. Its slot stays taken until the handler ends.`,
    );
    this.parts.observer.stuckChanged();
    if (run.lastAttempt) void this.conclude(run, { kind: 'threw', error: run.abortReason });
  }

  private noteUnstuck(run: TaskRun): void {
    this.parts.logger.warn(`Task ${run.reserved.name} ${run.reserved.id} is no longer stuck.`);
    this.parts.observer.stuckChanged();
  }

  private decide(run: TaskRun, ended: RunEnd): Outcome {
    let end = ended;
    if (run.snoozeDelay !== undefined) end = { kind: 'snoozed', delay: run.snoozeDelay };
    // Beyond the grace the attempt has failed already; a value that comes later changes nothing.
    else if (run.stuck) end = { kind: 'threw', error: run.abortReason };
    const { backoff } = run.reserved;
    const facts: RunFacts = {
      attempt: run.attempt,
      maxAttempts: run.maxAttempts,
      backoff: (backoff === null ? undefined : readBackoff(backoff)) ?? run.handler.backoff,
      retryIf: run.handler.retryIf,
      abortReason: run.abortReason,
      task: () => run.task,
      now: this.parts.clock.now(),
      random: Math.random,
    };
    // Only what was thrown is judged by functions of the application.
    if (end.kind !== 'threw') return decideOutcome(end, facts);
    return run.within(() => decideOutcome(end, facts));
  }

  private logFailure(run: TaskRun, outcome: StorableOutcome & { error: unknown }): void {
    const { name, message, stack } = toStoredError(outcome.error);
    const which = `Task ${run.reserved.name} ${run.reserved.id} attempt ${run.attempt} of ${run.maxAttempts}`;
    if (outcome.kind === 'retry') {
      const delay = Math.max(0, outcome.eta - this.parts.clock.now());
      this.parts.logger.warn(`${which} failed, next in ${delay} ms: ${name}: ${message}`);
    } else {
      this.parts.logger.error(`${which} failed for good: ${name}: ${message}`, stack ?? undefined);
    }
  }

  private async tell(run: TaskRun, stored: StorableOutcome): Promise<void> {
    const { afterSettle } = this.parts;
    const { id, lease } = run.reserved;
    const isOver = ['completed', 'failed', 'cancelled'].includes(stored.kind);
    const isCancelled = !isOver && (await afterSettle.wasCancelled(id, lease));
    const outcome = isCancelled ? ({ kind: 'cancelled' } as const) : stored;
    await afterSettle.tell(
      () => run.task,
      outcome,
      'run',
      (work) => run.within(work),
    );
  }

  /** A query that begins when it is awaited begins in the context of its run, too. */
  private promiseOf(value: PromiseLike<unknown>, run: TaskRun): Promise<unknown> {
    if (value instanceof Promise) return value;
    return run.within(() => this.parts.context.enter(run, async () => value));
  }

  private observe(values: Observable<unknown>, run: TaskRun): Promise<unknown> {
    return this.parts.context.enter(run, () => lastValueOf(values, run));
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
