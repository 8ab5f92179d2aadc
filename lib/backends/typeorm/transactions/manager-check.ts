import type { DataSource, EntityManager } from 'typeorm';
import { dataSourceOf } from '../../../core/data-source-of.js';
import { isEntityManager } from '../../../core/entity-manager.js';
import { showValue } from '../../../core/show-value.js';
import { ValidationError } from '../../../errors/validation.error.js';
import type { Dialect } from '../dialect/dialect.js';
import { SerialTransactions } from './serial-transactions.js';
import type { OpenTransaction } from './open-transaction.js';
import { transactionOf } from './transaction-watch.js';

const REMEDY = 'Give the EntityManager that dataSource.transaction() passes to its callback';

/** Refuses managers through which a store cannot be reached. */
export class ManagerCheck {
  /** DataSources that were seen to lead to the tables of the store. */
  private readonly proven = new WeakSet<DataSource>();

  constructor(private readonly dialect: Dialect) {}

  /** @throws ValidationError for what can be seen from here. */
  checkKind(manager: unknown): asserts manager is EntityManager {
    if (!isEntityManager(manager)) {
      throw refuse(`manager is ${nameOf(manager)}, not an EntityManager.`, nameOf(manager));
    }
    const { type } = dataSourceOf(manager).options;
    const { place, joined } = this.dialect;
    if (!joined.types.includes(type)) {
      throw refuse(
        `manager belongs to a DataSource of type '${type}', but the tasks are in ${place}, which ` +
          `takes one of type ${joined.types.join(' or ')}.`,
        type,
      );
    }
    if (manager.queryRunner?.isReleased) {
      throw refuse('manager is of a transaction that has ended.', 'released');
    }
  }

  /** @throws ValidationError also when it leads elsewhere, which only the database can tell. */
  async check(manager: unknown): Promise<EntityManager> {
    this.checkKind(manager);
    const dataSource = dataSourceOf(manager);
    if (this.proven.has(dataSource)) return manager;
    if (!(await this.dialect.joined.reaches(manager))) {
      const { database } = dataSource.driver;
      throw new ValidationError(
        `manager leads to ${showValue(database)}, where the tables of this queue are not: they ` +
          `are in ${this.dialect.place}, and no transaction spans both. Keep the tasks in the ` +
          `database of the application (forRoot({ dataSource })), or leave manager out.`,
        'manager',
        database,
      );
    }
    this.proven.add(dataSource);
    SerialTransactions.of(dataSource);
    return manager;
  }

  /** @throws ValidationError also when each statement of it would be a transaction of its own. */
  async checkOpen(manager: unknown): Promise<[EntityManager, OpenTransaction]> {
    const checked = await this.check(manager);
    // On SQLite that of a DataSource itself would be in whatever transaction somebody has open.
    const transaction = checked.queryRunner && transactionOf(checked);
    if (!transaction) throw refuse('manager is in no transaction.', 'none');
    return [checked, transaction];
  }
}

function refuse(problem: string, value: unknown): ValidationError {
  return new ValidationError(`${problem} ${REMEDY}.`, 'manager', value);
}

/** Never its content, which may hold a password. */
function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return showValue(value);
  const name = value.constructor?.name ?? 'Object';
  return name === 'Object' ? 'an object' : `a ${name}`;
}
