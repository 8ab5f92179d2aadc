import type { Backend } from '../core/backend.js';
import type { Plugin } from '../core/plugin.js';
import type { Serializer } from '../core/serializer.js';
import type { Retention } from '../retention/retention-options.js';
import type { WorkerOptions } from './worker-options.interface.js';

/**
 * Options of `SitqModule.forRoot`.
 *
 * @publicApi
 */
export interface SitqOptions {
  /** SQLite file, created with mode 0600, or `':memory:'`. @default 'sitq.sqlite' */
  database?: string;
  /**
   * `full`: what is acknowledged survives a power cut. `relaxed`: it survives the death of the
   * process, but a power cut may take the last moments. @default 'full'
   */
  durability?: 'full' | 'relaxed';
  /** Create or update the tables at boot. @default true */
  migrate?: boolean;
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
  /** A store of your own instead of `database`, `durability` and `migrate`. */
  backend?: Backend;
}

/**
 * A class for `SitqModule.forRootAsync({ useClass | useExisting })`.
 *
 * @publicApi
 */
export interface SitqOptionsFactory {
  createSitqOptions(): SitqOptions | Promise<SitqOptions>;
}
