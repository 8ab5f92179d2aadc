import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../../errors/configuration.error.js';
import type { Dialect } from './dialect/dialect.js';
import { LogLineEntity } from './entities/log-line.entity.js';
import { ProgressEntity } from './entities/progress.entity.js';
import { TaskEntity } from './entities/task.entity.js';
import { WorkerEntity } from './entities/worker.entity.js';
import { CreateTables1763683200000 } from './migrations/create-tables.migration.js';

/**
 * The tables of sitq for TypeORM: entities and migrations, to be used in a DataSource of your own
 * when `migrate: false` leaves the tables to you.
 *
 * @publicApi
 */
export const sitqSchema = {
  entities: [TaskEntity, WorkerEntity, LogLineEntity, ProgressEntity],
  migrations: [CreateTables1763683200000],
  migrationsTableName: 'sitq_migration',
};

/**
 * Brings the tables up to date, or checks that they are. Processes that boot at the same time
 * take turns.
 *
 * @throws ConfigurationError when the tables are newer than this version of sitq, or older and
 * `migrate` is off.
 */
export async function ensureSchema(
  dataSource: DataSource,
  dialect: Dialect,
  migrate: boolean,
): Promise<void> {
  const missing = missingMigrations(await appliedMigrations(dataSource));
  if (missing.length === 0) return;
  if (!migrate) {
    throw new ConfigurationError(
      `The tables of sitq lack the migrations ${missing.join(', ')} and migrate is false. Run them ` +
        `with TypeORM (a DataSource with sitqSchema, then runMigrations), or set migrate: true.`,
      'migrate',
      migrate,
    );
  }
  await dialect.withSchemaLock(dataSource, async () => {
    // Another process may have done it while this one waited for the lock.
    if (missingMigrations(await appliedMigrations(dataSource)).length === 0) return;
    await dataSource.runMigrations({ transaction: 'none' });
  });
}

async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable(sitqSchema.migrationsTableName))) return [];
    const rows: { name: string }[] = await runner.query(
      `SELECT name FROM ${sitqSchema.migrationsTableName}`,
    );
    return rows.map((row) => row.name);
  } finally {
    await runner.release();
  }
}

/** @throws ConfigurationError when the database knows a migration that this version does not. */
function missingMigrations(applied: readonly string[]): string[] {
  const known = sitqSchema.migrations.map((migration) => migration.name);
  const foreign = applied.filter((name) => !known.includes(name));
  if (foreign.length > 0) {
    throw new ConfigurationError(
      `The tables of sitq are newer than this version of nestjs-sitq: it does not know ` +
        `${foreign.join(', ')}. Update nestjs-sitq in this application.`,
      'database',
    );
  }
  return known.filter((name) => !applied.includes(name));
}
