import type { DataSource, EntitySchema, MigrationInterface, QueryRunner } from 'typeorm';
import { ConfigurationError } from '../../errors/configuration.error.js';
import type { Dialect } from './dialect/dialect.js';
import { logLineEntity } from './entities/log-line.entity.js';
import { progressEntity } from './entities/progress.entity.js';
import { taskEntity } from './entities/task.entity.js';
import { workerEntity } from './entities/worker.entity.js';
import { MIGRATIONS, type MigrationName, type SchemaTraits } from './schema-traits.js';

/** The part of a DataSource's options that describes the tables of sitq. */
export interface Schema {
  readonly entities: EntitySchema[];
  readonly migrations: (new () => MigrationInterface)[];
  readonly migrationsTableName: string;
}

/** Entities and migrations for one database. */
export function schemaOf(traits: SchemaTraits): Schema {
  return {
    entities: [taskEntity, workerEntity, logLineEntity, progressEntity].map((entity) =>
      entity(traits),
    ) as EntitySchema[],
    migrations: MIGRATIONS.map((name) => migrationOf(name, traits)),
    migrationsTableName: traits.names.plain('migration'),
  };
}

function migrationOf(name: MigrationName, traits: SchemaTraits): new () => MigrationInterface {
  const run = async (runner: QueryRunner, statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await runner.query(traits.names.in(statement));
  };
  // A computed key names the class, by which TypeORM knows a migration.
  const classes = {
    [name]: class implements MigrationInterface {
      readonly name = name;
      up = (runner: QueryRunner) => run(runner, traits.migrations[name].up);
      down = (runner: QueryRunner) => run(runner, traits.migrations[name].down);
    },
  };
  return classes[name]!;
}

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
  const missing = missingMigrations(await appliedMigrations(dataSource, dialect));
  if (missing.length === 0) return;
  if (!migrate) {
    throw new ConfigurationError(
      `The tables of sitq lack the migrations ${missing.join(', ')} and migrate is false. Run ` +
        `'npx sitq migrate' (or TypeORM's runMigrations with sitqSchema), or set migrate: true.`,
      'migrate',
      migrate,
    );
  }
  await dialect.withSchemaLock(dataSource, async () => {
    // Another process may have done it while this one waited for the lock.
    if (missingMigrations(await appliedMigrations(dataSource, dialect)).length === 0) return;
    await dataSource.runMigrations({ transaction: 'none' });
  });
}

async function appliedMigrations(dataSource: DataSource, dialect: Dialect): Promise<string[]> {
  const { names } = dialect.schema;
  const runner = dataSource.createQueryRunner();
  try {
    const table = names.plain('migration');
    if (!(await runner.hasTable(names.schema ? `${names.schema}.${table}` : table))) return [];
    const rows: { name: string }[] = await runner.query(names.in('SELECT name FROM {migration}'));
    return rows.map((row) => row.name);
  } finally {
    await runner.release();
  }
}

/** @throws ConfigurationError when the database knows a migration that this version does not. */
function missingMigrations(applied: readonly string[]): MigrationName[] {
  const foreign = applied.filter((name) => !MIGRATIONS.some((known) => known === name));
  if (foreign.length > 0) {
    throw new ConfigurationError(
      `The tables of sitq are newer than this version of nestjs-sitq: it does not know ` +
        `${foreign.join(', ')}. Update nestjs-sitq in this application.`,
      'database',
    );
  }
  return MIGRATIONS.filter((name) => !applied.includes(name));
}
