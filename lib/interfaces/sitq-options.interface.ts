import type {
  DataSourceStoreOptions,
  StoreOptions,
} from '../backends/typeorm/typeorm-backend-options.js';
import type { Backend } from '../core/backend.js';
import type { Plugin } from '../core/plugin.js';
import type { Serializer } from '../core/serializer.js';
import type { Retention } from '../retention/retention-options.js';
import type { Transactions } from '../transactions/transactions-option.js';
import type { WorkerOptions } from './worker-options.interface.js';

/**
 * Options of `SitqModule.forRoot` that are not about the store.
 *
 * @publicApi
 */
export interface ModuleOptions {
  /** How this process runs tasks; `false` when it only enqueues. @default {} */
  worker?: false | WorkerOptions;
  /**
   * How long tasks are kept after they ended: a duration, or one per final state, such as
   * `{ completed: '1d', failed: '30d' }`. @default for ever
   */
  retention?: Retention;
  /** @default DefaultSerializer */
  serializer?: Serializer;
  /** Features around the queue, in order. @default [] */
  plugins?: Plugin[];
  /**
   * Which transactions of the application an enqueue joins by itself: `'join'`, those of
   * `@nestjs-cls/transactional`; a function, that of the EntityManager which it returns.
   * @default 'explicit': only that of `manager`, given to the enqueue
   */
  transactions?: Transactions;
}

/**
 * Options of `SitqModule.forRoot`: tasks in an SQLite file, on a database server, in the database
 * of a DataSource of the application, or in a store of your own (`backend`).
 *
 * @publicApi
 */
export type SitqOptions = ModuleOptions & (StoreOptions | { backend: Backend });

/**
 * Tasks in the database of the DataSource that has this name in `TypeOrmModule`, `'default'` for
 * the one without a name.
 *
 * @publicApi
 */
export type NamedDataSourceOptions = ModuleOptions &
  Omit<DataSourceStoreOptions, 'dataSource'> & { dataSource: string };

/**
 * What `SitqModule.forRoot` takes. A factory takes the DataSource itself, which it can inject.
 *
 * @publicApi
 */
export type SitqRootOptions = SitqOptions | NamedDataSourceOptions;

/**
 * A class for `SitqModule.forRootAsync({ useClass | useExisting })`.
 *
 * @publicApi
 */
export interface SitqOptionsFactory {
  createSitqOptions(): SitqOptions | Promise<SitqOptions>;
}
