import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../core/backend.js';
import type { Clock } from '../core/clock.js';
import type { SitqLogger } from '../core/logger.js';
import { decideOutcome, type Outcome, type RunEnd } from '../core/outcome.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin } from '../core/plugin.js';
import type { BackoffPlan } from '../core/retry-policy.js';
import { toStoredError } from '../core/stored-error.js';
import type { TaskContext } from '../core/task-context.js';
import { BackendError } from '../errors/backend.error.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { QueueClosedError } from '../errors/queue-closed.error.js';
import { TaskTimeoutError } from '../errors/task-timeout.error.js';
import { settledValue } from './observable-result.js';
import type { Reporter } from './reporter.js';
import type { TaskRun } from './task-run.js';

const MAX_SETTLE_PAUSE = 5_000;

/** What a runner works with. */
export interface TaskRunnerParts {
  readonly backend: Backend;
  readonly codec: PayloadCodec;
  readonly context: TaskContext;
  readonly plugins: readonly Plugin[];
  readonly reporter: Reporter;
  readonly logger: SitqLogger;
  readonly clock: Clock;
  /** How long after its timeout a handler counts as stuck, in ms. */
  readonly timeoutGrace: number;
  /** The lease turned out to be lost when something was written. */
  readonly onRefused: (run: TaskRun) => void;
  /** A handler became stuck, or a stuck one ended. */
  readonly onStuck: () => void;
}

/**
 * Takes one claimed task through its steps: decode the arguments, call the handler, decide what
 * its end means, store that, tell the plugins.
 */
export class TaskRunner {
  private readonly around: readonly Plugin[];
  private readonly after: readonly Plugin[];

  constructor(private readonly parts: TaskRunnerParts) {
    this.around = parts.plugins.filter((plugin) => plugin.aroundRun).reverse();
    this.after = parts.plugins.filter((plugin) => plugin.afterSettle);
  }

  /**
   * Resolves when the outcome is stored, or cannot be. Never rejects.
   *
   * @param onEnded called when the handler has ended, before the outcome is stored, so that the
   * next claim can share its transaction.
   */
  async run(run: TaskRun, onEnded: () => void): Promise<void> {
    const end = await this.execute(run);
    onEnded();
    if (run.stuck) this.noteUnstuck(run);
    if (!run.concluded) await this.conclude(run, end);
  }

  /** Stores what the end of a run means. Once per run. */
  async conclude(run: TaskRun, end: RunEnd): Promise<void> {
    this.parts.reporter.flush(run);
    run.concluded = true;
    const outcome = await this.settle(run, this.decide(run, end));
    if (!outcome) return;
    this.logFailure(run, outcome);
    for (const plugin of this.after) await this.tell(plugin, run, outcome);
  }

  private async execute(run: TaskRun): Promise<RunEnd> {
    const stopWatching = run.timeout === null ? undefined : this.watchTimeout(run, run.timeout);
    let end: RunEnd;
    try {
      const value = await this.parts.context.enter(run, () => this.call(run));
      end = { kind: 'returned', value };
    } catch (error) {
      end = { kind: 'threw', error };
    } finally {
      stopWatching?.();
    }
    if (run.snoozeDelay !== undefined) return { kind: 'snoozed', delay: run.snoozeDelay };
    // Beyond the grace the attempt has failed already; a value that comes later changes nothing.
    return run.stuck ? { kind: 'threw', error: run.abortReason } : end;
  }

  private call(run: TaskRun): unknown {
    const args = this.parts.codec.decode(run.reserved.payload) as unknown[];
    const handler = () => settledValue(run.handler.invoke(args), run);
    if (this.around.length === 0) return handler();
    return this.around.reduce(
      (next, plugin) => async () => plugin.aroundRun!(run.task, next),
      async () => handler(),
    )();
  }

  /** Aborts the signal when time is up, and calls the run stuck when the grace is over too. */
  private watchTimeout(run: TaskRun, timeout: number): () => void {
    let timer = setTimeout(() => {
      run.abort(new TaskTimeoutError(run.reserved.id, timeout));
      timer = setTimeout(() => this.becomeStuck(run), this.parts.timeoutGrace);
    }, timeout);
    return () => clearTimeout(timer);
  }

  /**
   * The attempt has failed. After the last one that is the task's end; otherwise the task keeps
   * its lease until the handler really ends, so that it never runs twice at once.
   */
  private becomeStuck(run: TaskRun): void {
    run.stuck = true;
    const { id, name } = run.reserved;
    this.parts.logger.error(
      `Task ${name} ${id} is stuck: its handler ignores the signal that aborted after ` +
        `${run.timeout} ms. Its slot stays taken until the handler ends.`,
    );
    this.parts.onStuck();
    if (run.lastAttempt) void this.conclude(run, { kind: 'threw', error: run.abortReason });
  }

  private noteUnstuck(run: TaskRun): void {
    this.parts.logger.warn(`Task ${run.reserved.name} ${run.reserved.id} is no longer stuck.`);
    this.parts.onStuck();
  }

  private decide(run: TaskRun, end: RunEnd): Outcome {
    const { backoff } = run.reserved;
    return decideOutcome(end, {
      attempt: run.attempt,
      maxAttempts: run.maxAttempts,
      backoff: backoff === null ? run.handler.backoff : (JSON.parse(backoff) as BackoffPlan),
      retryIf: run.handler.retryIf,
      abortReason: run.abortReason,
      task: () => run.task,
      now: this.parts.clock.now(),
      random: Math.random,
    });
  }

  /** The outcome that was stored; null when none could be. */
  private async settle(run: TaskRun, outcome: Outcome): Promise<Outcome | null> {
    for (let round = 0; ; round += 1) {
      try {
        return await this.store(run, outcome);
      } catch (error) {
        if (error instanceof LeaseLostError) {
          this.parts.onRefused(run);
          return null;
        }
        if (!(error instanceof BackendError) || error instanceof QueueClosedError) {
          this.parts.logger.error(
            `The outcome of task ${run.reserved.id} was not stored: ${String(error)}`,
          );
          return null;
        }
        const pause = Math.random() * Math.min(MAX_SETTLE_PAUSE, 100 * 2 ** round);
        this.parts.logger.warn(
          `The outcome of task ${run.reserved.id} is not stored yet, trying again: ${error.message}`,
        );
        await sleep(pause, undefined, { ref: false });
      }
    }
  }

  private async store(run: TaskRun, outcome: Outcome): Promise<Outcome | null> {
    const { id, lease } = run.reserved;
    const { backend, codec } = this.parts;
    switch (outcome.kind) {
      case 'completed': {
        let value: string | null;
        try {
          value = outcome.value === undefined ? null : codec.encode('result', outcome.value);
        } catch (error) {
          return this.store(run, { kind: 'failed', error });
        }
        await backend.storeResult(id, { lease, status: 'success', value });
        return outcome;
      }
      case 'failed':
        await backend.storeResult(id, {
          lease,
          status: 'failed',
          error: toStoredError(outcome.error),
        });
        return outcome;
      case 'cancelled':
        await backend.storeResult(id, { lease, status: 'cancelled' });
        return outcome;
      case 'retry': {
        const error = toStoredError(outcome.error);
        await backend.updateTaskStatus(id, 'queued', { lease, eta: outcome.eta, error });
        return outcome;
      }
      case 'snoozed':
        await backend.updateTaskStatus(id, 'queued', { lease, eta: outcome.eta, giveBack: true });
        return outcome;
      case 'given-back':
        await backend.updateTaskStatus(id, 'queued', { lease, giveBack: true });
        return outcome;
      case 'lost':
        this.parts.onRefused(run);
        return null;
    }
  }

  private logFailure(run: TaskRun, outcome: Outcome): void {
    if (outcome.kind !== 'failed' && outcome.kind !== 'retry') return;
    const { name, message, stack } = toStoredError(outcome.error);
    const which = `Task ${run.reserved.name} ${run.reserved.id} attempt ${run.attempt} of ${run.maxAttempts}`;
    if (outcome.kind === 'retry') {
      const delay = Math.max(0, outcome.eta - this.parts.clock.now());
      this.parts.logger.warn(`${which} failed, next in ${delay} ms: ${name}: ${message}`);
    } else {
      this.parts.logger.error(`${which} failed for good: ${name}: ${message}`, stack ?? undefined);
    }
  }

  private async tell(plugin: Plugin, run: TaskRun, outcome: Outcome): Promise<void> {
    try {
      await plugin.afterSettle?.(run.task, outcome);
    } catch (error) {
      this.parts.logger.warn(`Plugin ${plugin.name} failed in afterSettle: ${String(error)}`);
    }
  }
}
