import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { ValidationError } from '../../../errors/validation.error.js';
import { TurnLine } from './turn-line.js';
import { Turn } from './turn.js';

type Begin = QueryRunner['startTransaction'];

/**
 * The transactions of one DataSource on a SQLite file. TypeORM has a single connection for all of
 * them: one that begins while another is open would become a savepoint of it, and go with its
 * rollback. So they take turns, whoever begins them and by whatever method. One that begins inside
 * another, which the asynchronous context tells, is a savepoint as ever.
 */
export class SerialTransactions {
  private readonly line = new TurnLine();
  private readonly insides = new AsyncLocalStorage<Turn>();
  private readonly followed = new WeakSet<QueryRunner>();

  private constructor(private readonly dataSource: DataSource) {
    this.takeOverManager();
    this.takeOverRunners();
    const runner = this.runner as QueryRunner & { transactionDepth?: number };
    if (!runner.isTransactionActive) return;
    // Begun before anybody watched: one that has a savepoint may be of two callers.
    const turn = this.line.begin(new Turn(false));
    turn.isShared = (runner.transactionDepth ?? 1) > 1;
  }

  /** Makes the transactions of a DataSource take turns; none for one with a pool of connections. */
  static of(dataSource: DataSource): SerialTransactions | undefined {
    if (dataSource.options.type !== 'better-sqlite3') return undefined;
    let serial = all.get(dataSource);
    if (!serial) all.set(dataSource, (serial = new SerialTransactions(dataSource)));
    return serial;
  }

  /**
   * Does something in the transaction of a manager; for that of the DataSource itself, while nobody
   * has one open.
   *
   * @throws ValidationError when the transaction is not the caller's alone.
   */
  async join<T>(manager: EntityManager, work: () => Promise<T>): Promise<T> {
    const { current } = this.line;
    const isInside = current !== undefined && current === this.insides.getStore();
    if (!isInside && (!manager.queryRunner || !this.isOpen)) return this.apart(work);
    if (!current || current.isShared || (current.isKnown && !isInside)) throw shared();
    current.hasTasks = true;
    const done = await work();
    if (current.isOver) throw late();
    return done;
  }

  private apart<T>(work: () => Promise<T>): Promise<T> {
    return this.line.run(new Turn(false), async () => {
      if (this.isOpen) throw shared();
      return work();
    });
  }

  private get isOpen(): boolean {
    return this.runner.isTransactionActive;
  }

  /** TypeORM has one, however often it is asked to create one. */
  private get runner(): QueryRunner {
    return this.dataSource.createQueryRunner();
  }

  /** The manager that begins transactions, and `dataSource.transaction()`, which asks it. */
  private takeOverManager(): void {
    const { manager } = this.dataSource;
    const begin = manager.transaction.bind(manager) as (...call: unknown[]) => Promise<unknown>;
    const transaction = (...call: unknown[]) => this.transaction(() => begin(...call));
    manager.transaction = transaction as typeof manager.transaction;
  }

  private async transaction<T>(work: () => Promise<T>): Promise<T> {
    const inside = this.insides.getStore();
    if (inside && inside === this.line.current) return work();
    const turn = new Turn(true);
    return this.line.run(turn, () => {
      turn.isShared = this.isOpen;
      return this.insides.run(turn, work);
    });
  }

  private takeOverRunners(): void {
    const create = this.dataSource.createQueryRunner.bind(this.dataSource);
    this.dataSource.createQueryRunner = (mode) => {
      const runner = create(mode);
      if (!this.followed.has(runner)) this.follow(runner);
      return runner;
    };
  }

  private follow(runner: QueryRunner): void {
    this.followed.add(runner);
    const begin = runner.startTransaction.bind(runner);
    runner.startTransaction = (...call) => this.begin(runner, () => begin(...call));
    for (const name of ['commitTransaction', 'rollbackTransaction'] as const) {
      const end = runner[name].bind(runner);
      runner[name] = () => end().finally(() => this.ended(runner));
    }
  }

  /** The caller of a QueryRunner cannot be followed: who uses it next may be anybody. */
  private async begin(runner: QueryRunner, begin: () => ReturnType<Begin>): Promise<void> {
    const { current } = this.line;
    if (current && current === this.insides.getStore()) return begin();
    if (current && !current.isKnown && !current.hasTasks && runner.isTransactionActive) {
      current.isShared = true;
      return begin();
    }
    const turn = await this.line.enter(new Turn(false));
    turn.isShared = runner.isTransactionActive;
    await begin().catch((error: unknown) => {
      this.line.leave(turn);
      throw error;
    });
  }

  private ended(runner: QueryRunner): void {
    const { current } = this.line;
    if (current && !current.isKnown && !runner.isTransactionActive) this.line.leave(current);
  }
}

const all = new WeakMap<DataSource, SerialTransactions>();

function shared(): ValidationError {
  return new ValidationError(
    `manager is of a transaction that is not this call's alone: on SQLite TypeORM has one ` +
      `connection per DataSource, and what another caller rolls back there would take the task ` +
      `with it. Begin the transaction with queue.transaction(), and give the manager that it ` +
      `passes, inside its callback.`,
    'manager',
    'shared',
  );
}

function late(): ValidationError {
  return new ValidationError(
    `manager is of a transaction that ended before the call did. Await the call inside of it.`,
    'manager',
    'ended',
  );
}
