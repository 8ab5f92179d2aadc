import { RIGHTS, type Right } from './rights.js';
import type { SchemaTraits } from './schema-traits.js';
import type { TableName } from './table-names.js';

/** Statements that give a role these rights. None where there are no roles. */
export function grants(
  { names, quoteRole }: SchemaTraits,
  role: string,
  rights: Readonly<Partial<Record<TableName, readonly Right[]>>> = RIGHTS,
): string[] {
  if (!quoteRole) return [];
  const to = quoteRole(role);
  const schema =
    names.schema === undefined ? [] : [`GRANT USAGE ON SCHEMA "${names.schema}" TO ${to}`];
  const tables = Object.entries(rights).map(([table, list]) =>
    names.in(`GRANT ${list.join(', ')} ON {${table}} TO ${to}`),
  );
  return [...schema, ...tables];
}
