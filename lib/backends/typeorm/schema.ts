import type { EntitySchema, MigrationInterface, QueryRunner } from 'typeorm';
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
