import type { DataSource } from 'typeorm';
import { MysqlInspection } from '../dialect/mysql/mysql.inspection.js';
import { PostgresInspection } from '../dialect/postgres/postgres.inspection.js';
import { SqliteInspection } from '../dialect/sqlite/sqlite.inspection.js';
import type { StoreSettings } from '../store-settings.js';
import type { Inspection } from './inspection.js';

/** What a doctor asks of this database. */
export function createInspection(settings: StoreSettings, dataSource: DataSource): Inspection {
  switch (settings.kind) {
    case 'sqlite':
      return new SqliteInspection(dataSource);
    case 'postgres':
      return new PostgresInspection(dataSource, settings);
    case 'mysql':
      return new MysqlInspection(dataSource);
  }
}
