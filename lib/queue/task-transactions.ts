import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager } from 'typeorm';
import type { Backend } from '../core/backend.js';
import { requireCapability } from '../core/capabilities/require-capability.js';
import { isTransactionalBackend } from '../core/capabilities/transactional-backend.js';
import { showValue } from '../core/show-value.js';
import { ValidationError } from '../errors/validation.error.js';

type Work<T> = (manager: EntityManager) => Promise<T>;

/** Where transactions of the application begin, and which one is under way where it is called. */
interface Application {
  readonly dataSource?: () => DataSource | undefined;
  readonly transaction?: () => EntityManager | undefined;
}

/** Runs work in transactions of the application, in which tasks can be written. */
export class TaskTransactions {
  private readonly own = new AsyncLocalStorage<{
    readonly manager: EntityManager;
    open: boolean;
  }>();

  constructor(
    private readonly backend: Backend,
    private readonly application: Application,
  ) {}

  /** In a savepoint, where it is called inside of a transaction. */
  async run<T>(work: Work<T>): Promise<T> {
    if (typeof work !== 'function') {
      throw new ValidationError(
        `transaction: work is ${showValue(work)}. Give a function of (manager).`,
        'work',
        work,
      );
    }
    const outer = this.outer();
    if (outer) return this.within(outer, work);
    const { manager } = this.dataSource();
    const backend = requireCapability(
      this.backend,
      isTransactionalBackend,
      'TransactionalBackend',
      'begin a transaction',
    );
    await backend.checkManager(manager);
    return this.within(manager, work);
  }

  private within<T>(outer: EntityManager, work: Work<T>): Promise<T> {
    return outer.transaction(async (manager) => {
      const inside = { manager, open: true };
      try {
        return await this.own.run(inside, work, manager);
      } finally {
        inside.open = false;
      }
    });
  }

  private outer(): EntityManager | undefined {
    const inside = this.own.getStore();
    return inside?.open ? inside.manager : this.application.transaction?.();
  }

  private dataSource(): DataSource {
    const dataSource = this.application.dataSource?.();
    if (dataSource) return dataSource;
    throw new ValidationError(
      `transaction: this queue does not know a DataSource of the application. Name the one in ` +
        `whose database the tasks are: forRoot({ dataSource: 'default' }).`,
      'dataSource',
    );
  }
}
