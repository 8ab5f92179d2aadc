import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { dataSourceOf } from '../../../core/data-source-of.js';
import { OpenTransaction } from './open-transaction.js';

/** What TypeORM tells of an end. */
interface End {
  readonly queryRunner: QueryRunner;
}

/** Hears from TypeORM how the transactions of one DataSource end. */
class TransactionWatch implements EntitySubscriberInterface {
  private readonly transactions = new WeakMap<QueryRunner, OpenTransaction>();

  /** The transaction that this runner has open. */
  follow(runner: QueryRunner): OpenTransaction {
    let transaction = this.transactions.get(runner);
    if (!transaction) {
      transaction = new OpenTransaction(runner);
      this.transactions.set(runner, transaction);
    }
    return transaction;
  }

  afterTransactionCommit({ queryRunner }: End): void {
    this.end(queryRunner, 'committed');
  }

  afterTransactionRollback({ queryRunner }: End): void {
    this.end(queryRunner, 'rolled back');
  }

  private end(runner: QueryRunner, state: 'committed' | 'rolled back'): void {
    if (runner.isTransactionActive) return; // a savepoint: the transaction goes on
    this.transactions.get(runner)?.end(state);
    this.transactions.delete(runner);
  }
}

const watches = new WeakMap<DataSource, TransactionWatch>();

/** The transaction in which a manager writes; none while each of its statements is its own. */
export function transactionOf(manager: EntityManager): OpenTransaction | undefined {
  const runner = runnerOf(manager);
  return runner?.isTransactionActive ? watchOf(dataSourceOf(manager)).follow(runner) : undefined;
}

/** On SQLite all managers of a DataSource share a connection, and with it a transaction. */
function runnerOf(manager: EntityManager): QueryRunner | undefined {
  const { queryRunner } = manager;
  const dataSource = dataSourceOf(manager);
  if (queryRunner || dataSource.options.type !== 'better-sqlite3') return queryRunner;
  return dataSource.createQueryRunner();
}

function watchOf(dataSource: DataSource): TransactionWatch {
  let watch = watches.get(dataSource);
  if (!watch) watches.set(dataSource, (watch = new TransactionWatch()));
  // A DataSource that was initialized again has forgotten it.
  if (!dataSource.subscribers.includes(watch)) dataSource.subscribers.push(watch);
  return watch;
}
