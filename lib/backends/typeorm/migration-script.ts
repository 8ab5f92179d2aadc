import type { MigrationName, SchemaTraits } from './schema-traits.js';

/** What a migration does, as statements that can be run by hand. */
export interface ScriptPart {
  readonly migration: MigrationName;
  readonly statements: readonly string[];
}

/** Statements that apply these migrations and say so in the table of migrations. */
export function upScript(traits: SchemaTraits, names: readonly MigrationName[]): ScriptPart[] {
  return names.map((migration) => {
    const timestamp = Number(migration.slice(-13));
    const row = `INSERT INTO {migration} (timestamp, name) VALUES (${timestamp}, '${migration}')`;
    return part(traits, migration, [...traits.migrations[migration].up, row]);
  });
}

/** Statements that undo these migrations, in the order in which they are given. */
export function downScript(traits: SchemaTraits, names: readonly MigrationName[]): ScriptPart[] {
  return names.map((migration) => {
    const row = `DELETE FROM {migration} WHERE name = '${migration}'`;
    return part(traits, migration, [...traits.migrations[migration].down, row]);
  });
}

/** Statements that must come before the first migration. */
export function firstStatements({ names, migrationTable }: SchemaTraits): string[] {
  const schema =
    names.schema === undefined ? [] : [`CREATE SCHEMA IF NOT EXISTS "${names.schema}"`];
  return [...schema, tidy(names.in(migrationTable))];
}

function part(
  { names }: SchemaTraits,
  migration: MigrationName,
  statements: readonly string[],
): ScriptPart {
  return { migration, statements: statements.map((statement) => tidy(names.in(statement))) };
}

/** Without the indentation that it has in the source. */
function tidy(statement: string): string {
  const [first = '', ...rest] = statement.trim().split('\n');
  const indents = rest.map((line) => line.search(/\S/)).filter((indent) => indent >= 0);
  const indent = Math.min(...indents);
  return [first, ...rest.map((line) => line.slice(indent))].join('\n');
}
