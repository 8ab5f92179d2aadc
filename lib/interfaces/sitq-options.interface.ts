import type { StoreOptions } from '../backends/typeorm/typeorm-backend-options.js';
import type { Backend } from '../core/backend.js';
import type { Plugin } from '../core/plugin.js';
import type { Serializer } from '../core/serializer.js';
import type { Retention } from '../retention/retention-options.js';
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
}

/**
 * Options of `SitqModule.forRoot`: tasks in an SQLite file, on a database server, in the database
 * of a DataSource of the application, or in a store of your own (`backend`).
 *
 * @publicApi
 */
export type SitqOptions = ModuleOptions & (StoreOptions | { backend: Backend });

/**
 * A class for `SitqModule.forRootAsync({ useClass | useExisting })`.
 *
 * @publicApi
 */
export interface SitqOptionsFactory {
  createSitqOptions(): SitqOptions | Promise<SitqOptions>;
}
