import type { Clock } from '../../core/clock.js';
import type { SitqLogger } from '../../core/logger.js';

/**
 * Options of {@link TypeOrmBackend}.
 *
 * @publicApi
 */
export interface TypeOrmBackendOptions {
  /** SQLite file, created with mode 0600, or `':memory:'`. @default 'sitq.sqlite' */
  database?: string;
  /** Whether what is acknowledged survives a power cut. @default 'full' */
  durability?: 'full' | 'relaxed';
  /** Create or update the tables when opened. @default true */
  migrate?: boolean;
  /** Where warnings go. @default nowhere */
  logger?: SitqLogger;
  /** @default the clock of this machine */
  clock?: Clock;
}
