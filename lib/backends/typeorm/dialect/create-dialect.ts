import type { Clock } from '../../../core/clock.js';
import type { SitqLogger } from '../../../core/logger.js';
import type { StoreSettings } from '../store-settings.js';
import type { Dialect } from './dialect.js';
import { MysqlDatabase } from './mysql/mysql.database.js';
import { PostgresDatabase } from './postgres/postgres.database.js';
import { poolSizeOf } from './server/pool-size.js';
import { ServerDialect } from './server/server.dialect.js';
import { SqliteDialect } from './sqlite/sqlite.dialect.js';

/** The dialect of a database. */
export function createDialect(
  settings: StoreSettings,
  clock: Clock,
  logger: SitqLogger | undefined,
): Dialect {
  switch (settings.kind) {
    case 'sqlite':
      return new SqliteDialect(settings, clock, logger);
    case 'postgres':
      return new ServerDialect(new PostgresDatabase(settings, logger), poolSizeOf(settings));
    case 'mysql':
      return new ServerDialect(new MysqlDatabase(settings), poolSizeOf(settings));
  }
}
