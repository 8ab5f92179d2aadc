import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../core/backend.js';
import { isTransactionalBackend } from '../core/capabilities/transactional-backend.js';
import type { SitqLogger } from '../core/logger.js';
import type { Outcome } from '../core/outcome.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import { toStoredError } from '../core/stored-error.js';
import type { ReservedTask } from '../core/task.js';
import { textOf } from '../core/text-of.js';
import { BackendError } from '../errors/backend.error.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { QueueClosedError } from '../errors/queue-closed.error.js';
import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import type { OutageLog } from './outage-log.js';
import { plainOutcome } from './plain-outcome.js';
import { unkeptResult } from './unkept-result.js';

const LONGEST_PAUSE = 5_000;
/** What no later try would change. */
const FINAL = [QueueClosedError, TaskNotFoundError];
/** It cannot be done, and never will be. */
const NEVER = Symbol('never');

/** An outcome whose value, if it has one, is text already. */
export type StorableOutcome =
  | Exclude<Outcome, { kind: 'completed' }>
  | { readonly kind: 'completed'; readonly value: unknown; readonly text: string | null };

/** Writes outcomes of runs. */
export class Settler {
  constructor(
    private readonly backend: Backend,
    private readonly codec: PayloadCodec,
    private readonly logger: SitqLogger,
    private readonly outages: OutageLog,
  ) {}

  /** A value that cannot be kept fails its task: running it again would not change the value. */
  toStorable(outcome: Outcome): StorableOutcome {
    if (outcome.kind !== 'completed') return outcome;
    const { kind, value } = outcome;
    try {
      const text = value === undefined ? null : this.codec.encode('result', value);
      return { kind, value, text };
    } catch (error) {
      return { kind: 'failed', error: unkeptResult(error) };
    }
  }

  /**
   * Stores an outcome. A store that cannot do it now is asked again until it can, or until the
   * lease is lost: the work is done and must not be done twice for want of a disk block.
   *
   * @returns what is stored, or undefined when it never can be.
   * @throws LeaseLostError
   */
  async store(task: ReservedTask, outcome: StorableOutcome): Promise<StorableOutcome | undefined> {
    try {
      await this.write(task, outcome); // a store of others may throw before there is a promise
      return outcome;
    } catch (error) {
      return this.persist(task, outcome, error);
    }
  }

  private async persist(
    task: ReservedTask,
    outcome: StorableOutcome,
    failure: unknown,
  ): Promise<StorableOutcome | undefined> {
    const plain = this.inPlainWords(task, outcome, failure);
    if (plain) return this.store(task, plain);
    const stored = await this.insist(task, failure, () => this.writeSomehow(task, outcome));
    return stored === NEVER ? undefined : stored;
  }

  private async writeSomehow(
    task: ReservedTask,
    outcome: StorableOutcome,
  ): Promise<StorableOutcome> {
    try {
      await this.write(task, outcome);
      return outcome;
    } catch (error) {
      const plain = this.inPlainWords(task, outcome, error);
      if (!plain) throw error;
      return this.writeSomehow(task, plain);
    }
  }

  /** How an outcome that the store cannot hold is told it, or undefined when it is not that. */
  private inPlainWords(
    task: ReservedTask,
    outcome: StorableOutcome,
    error: unknown,
  ): StorableOutcome | undefined {
    const isRefused = error instanceof BackendError && error.unstorable;
    const plain = isRefused ? plainOutcome(outcome, error, this.codec) : undefined;
    if (plain) {
      this.logger.warn(
        `The outcome of task ${task.id} is stored otherwise than it was: ${textOf(error)}`,
      );
    }
    return plain;
  }

  /**
   * Whether a handler has completed its task in a transaction of its own. Asks until the store can
   * tell; undefined when it never can.
   *
   * @throws LeaseLostError when the task is neither completed nor held by this run any more.
   */
  async isCompleted(task: ReservedTask): Promise<boolean | undefined> {
    const { backend } = this;
    if (!isTransactionalBackend(backend)) return false;
    const ask = () => backend.isCompleted(task.id, task.lease);
    const answer = await ask().catch((error: unknown) => this.insist(task, error, ask));
    return answer === NEVER ? undefined : answer;
  }

  /** Tries again what has failed. */
  private async insist<T>(
    task: ReservedTask,
    failure: unknown,
    work: () => Promise<T>,
  ): Promise<T | typeof NEVER> {
    let error = failure;
    for (let round = 0; ; round += 1) {
      const isLost = error instanceof LeaseLostError;
      const isFinal = FINAL.some((kind) => error instanceof kind);
      if (!isLost && !isFinal) this.outages.failed(storing(task), error);
      else if (round > 0) this.outages.worked(storing(task)); // it is over, one way or another
      if (isLost) throw error;
      if (isFinal) {
        this.logger.warn(`The outcome of task ${task.id} is not stored: ${textOf(error)}`);
        return NEVER;
      }
      const pause = Math.random() * Math.min(LONGEST_PAUSE, 100 * 2 ** round);
      await sleep(pause, undefined, { ref: false });
      try {
        const done = await work();
        this.outages.worked(storing(task));
        return done;
      } catch (next) {
        error = next;
      }
    }
  }

  private write({ id, lease }: ReservedTask, outcome: StorableOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'completed':
        return this.backend.storeResult(id, { lease, status: 'success', value: outcome.text });
      case 'failed': {
        const error = toStoredError(outcome.error);
        return this.backend.storeResult(id, { lease, status: 'failed', error });
      }
      case 'cancelled':
        return this.backend.storeResult(id, { lease, status: 'cancelled' });
      case 'retry': {
        const error = toStoredError(outcome.error);
        return this.backend.updateTaskStatus(id, 'queued', { lease, eta: outcome.eta, error });
      }
      case 'snoozed': {
        const { eta } = outcome;
        return this.backend.updateTaskStatus(id, 'queued', { lease, eta, giveBack: true });
      }
      case 'given-back':
        return this.backend.updateTaskStatus(id, 'queued', { lease, giveBack: true });
      case 'lost':
        return Promise.reject(new LeaseLostError(id, lease));
    }
  }
}

function storing(task: ReservedTask): string {
  return `store the outcome of task ${task.id} yet`;
}
