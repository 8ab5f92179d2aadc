import type { EntityManager } from 'typeorm';
import type { StoredContent } from '../../../core/capabilities/transactional-backend.js';
import { dataSourceOf } from '../../../core/data-source-of.js';
import type { NewTask } from '../../../core/task.js';
import { LeaseLostError } from '../../../errors/lease-lost.error.js';
import { ValidationError } from '../../../errors/validation.error.js';
import type { Dialect } from '../dialect/dialect.js';
import { takenId } from '../taken-id.js';
import type { TypeOrmBackendOptions } from '../typeorm-backend-options.js';
import { ManagerCheck } from './manager-check.js';
import { SerialTransactions } from './serial-transactions.js';
import type { OpenTransaction } from './open-transaction.js';
import { transactionOf } from './transaction-watch.js';

type IsSame = (stored: StoredContent, task: NewTask) => boolean;

/** Writes in transactions of the application. */
export class Joiner {
  private readonly managers: ManagerCheck;
  /** In which transaction a run has completed its task, until it was seen whether it did. */
  private readonly completions = new Map<string, OpenTransaction>();

  constructor(
    private readonly dialect: Dialect,
    options: TypeOrmBackendOptions,
  ) {
    this.managers = new ManagerCheck(dialect);
    // Before the first transaction begins: of one that is under way not all would be known.
    if ('dataSource' in options) SerialTransactions.of(options.dataSource);
  }

  /** @throws ValidationError when the store cannot be reached through it. */
  async check(manager: unknown): Promise<void> {
    await this.managers.check(manager);
  }

  /**
   * Stores all of the tasks, or none.
   *
   * @param onStored is called when they are committed.
   */
  async enqueue(
    given: unknown,
    tasks: readonly NewTask[],
    isSame: IsSame,
    onStored: () => void,
  ): Promise<void> {
    const manager = await this.managers.check(given);
    await inTurn(manager, () => this.enqueueIn(manager, tasks, isSame, onStored));
  }

  private async enqueueIn(
    manager: EntityManager,
    tasks: readonly NewTask[],
    isSame: IsSame,
    onStored: () => void,
  ): Promise<void> {
    const different = withoutRepeats(tasks, isSame);
    const taken = await this.dialect.joined.insert(manager, different);
    const takenIds = new Set(taken.map(({ id }) => id));
    const byId = new Map(different.map((task) => [task.id, task]));
    const clash = taken.find((stored) => !isSame(stored, byId.get(stored.id)!));
    if (clash) {
      const added = different.filter(({ id }) => !takenIds.has(id));
      await this.dialect.joined.remove(
        manager,
        added.map(({ id }) => id),
      );
      throw takenId(clash.id);
    }
    whenCommitted(manager, onStored);
  }

  /** @param onCompleted is called when it is committed. */
  async complete(
    given: unknown,
    taskId: string,
    lease: number,
    value: string | null,
    onCompleted: () => void,
  ): Promise<OpenTransaction> {
    const [manager, transaction] = await this.managers.checkOpen(given);
    const run = keyOf(taskId, lease);
    const before = this.completions.get(run);
    // Another transaction would wait for the one that holds the row, and its handler with it.
    if (before?.isOpen && before !== transaction) throw twice(taskId);
    const { joined } = this.dialect;
    if (!(await inTurn(manager, () => joined.complete(manager, taskId, lease, value)))) {
      throw before && !before.isRolledBack ? twice(taskId) : new LeaseLostError(taskId, lease);
    }
    this.completions.set(run, transaction);
    transaction.afterCommit(onCompleted);
    return transaction;
  }

  async fence(given: unknown, taskId: string, lease: number): Promise<OpenTransaction> {
    const [manager, transaction] = await this.managers.checkOpen(given);
    if (this.completions.get(keyOf(taskId, lease)) === transaction) return transaction;
    const { joined } = this.dialect;
    if (await inTurn(manager, () => joined.hold(manager, taskId, lease))) return transaction;
    throw new LeaseLostError(taskId, lease);
  }

  /** The worker has seen what became of a run. */
  forget(taskId: string, lease: number): void {
    this.completions.delete(keyOf(taskId, lease));
  }
}

/** In a transaction of the caller's own, also where all share a connection. */
function inTurn<T>(manager: EntityManager, work: () => Promise<T>): Promise<T> {
  return SerialTransactions.of(dataSourceOf(manager))?.join(manager, work) ?? work();
}

function keyOf(taskId: string, lease: number): string {
  return `${lease} ${taskId}`;
}

function twice(taskId: string): ValidationError {
  return new ValidationError(
    `complete was called twice for task ${taskId}. Call it once, in the transaction of the last ` +
      `attempt; after a rollback it may be called again.`,
    'value',
  );
}

/** The same task given twice is one; two tasks of one id are a mistake. */
function withoutRepeats(tasks: readonly NewTask[], isSame: IsSame): NewTask[] {
  const different = new Map<string, NewTask>();
  for (const task of tasks) {
    const first = different.get(task.id);
    if (!first) different.set(task.id, task);
    else if (!isSame(first, task)) throw takenId(task.id);
  }
  return [...different.values()];
}

/** At once where each statement is a transaction of its own. */
function whenCommitted(manager: EntityManager, duty: () => void): void {
  const transaction = transactionOf(manager);
  if (transaction) transaction.afterCommit(duty);
  else duty();
}
