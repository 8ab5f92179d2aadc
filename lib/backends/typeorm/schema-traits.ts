import type { EntitySchemaColumnOptions, EntitySchemaIndexOptions } from 'typeorm';
import type { TableNames } from './table-names.js';

/** What the tables of one database look like where databases differ. */
export interface SchemaTraits {
  readonly names: TableNames;
  /** Creates `{migration}` as TypeORM does. */
  readonly migrationTable: string;
  /** The name of a role within statements; null where there are no roles. */
  readonly quoteRole: ((role: string) => string) | null;
  readonly types: {
    /** Up to 200 characters, compared exactly. */
    readonly name: EntitySchemaColumnOptions;
    /** Text of any length. */
    readonly text: EntitySchemaColumnOptions;
    /** A state. */
    readonly word: EntitySchemaColumnOptions;
    /** Milliseconds, since the epoch or of a duration; also numbers of rows. */
    readonly instant: EntitySchemaColumnOptions;
    readonly integer: EntitySchemaColumnOptions;
    /** -32768..32767 */
    readonly small: EntitySchemaColumnOptions;
  };
  readonly taskKey: {
    readonly seq: EntitySchemaColumnOptions;
    readonly id: Partial<EntitySchemaColumnOptions>;
  };
  readonly lineKey: EntitySchemaColumnOptions;
  /** Names without the prefix. */
  readonly taskIndices: readonly (EntitySchemaIndexOptions & { readonly name: string })[];
  /** The statements of each migration, by its name. `{task}` and so on stand for the tables. */
  readonly migrations: Readonly<Record<MigrationName, MigrationStatements>>;
}

export interface MigrationStatements {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** Every migration, oldest first. */
export const MIGRATIONS = [
  'CreateTables1763683200000',
  'DescribeWorkers1763769600000',
  'TieReportsToTasks1763856000000',
] as const;

export type MigrationName = (typeof MIGRATIONS)[number];
