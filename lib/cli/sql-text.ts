import type { ScriptPart } from '../backends/typeorm/migration-script.js';

/** A script for the client of any database. */
export function sqlText(first: readonly string[], parts: readonly ScriptPart[]): string {
  const blocks = parts.map(({ migration, statements }) =>
    [`-- ${migration}`, ...['BEGIN', ...statements, 'COMMIT'].map(ended)].join('\n'),
  );
  return [...first.map(ended), ...blocks].join('\n\n');
}

function ended(statement: string): string {
  return `${statement};`;
}
