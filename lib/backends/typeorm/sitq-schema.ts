import { systemClock } from '../../core/clock.js';
import { createDialect } from './dialect/create-dialect.js';
import { schemaOf, type Schema } from './schema.js';
import { readStoreSettings } from './store-settings.js';

/**
 * Which tables.
 *
 * @publicApi
 */
export interface SchemaOptions {
  /** @default 'sqlite' */
  type?: 'sqlite' | 'postgres' | 'mysql' | 'mariadb';
  /** PostgreSQL: where the tables are. @default the connection's */
  schema?: string;
  /** @default 'sitq_' */
  tablePrefix?: string;
}

/**
 * The tables of sitq for TypeORM: entities and migrations, to be spread into the options of a
 * DataSource of your own when `migrate: false` leaves the tables to you.
 *
 * @throws ConfigurationError for a bad option.
 *
 * @publicApi
 */
export function sitqSchema(options: SchemaOptions = {}): Schema {
  const { type = 'sqlite', ...rest } = options;
  const server = type === 'mysql' || type === 'mariadb' ? { database: 'unused' } : {};
  const settings = readStoreSettings('sitqSchema', { type, ...server, ...rest });
  return schemaOf(createDialect(settings, systemClock, undefined).schema);
}
