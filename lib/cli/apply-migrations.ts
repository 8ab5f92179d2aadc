import { existsSync } from 'node:fs';
import { createDialect } from '../backends/typeorm/dialect/create-dialect.js';
import { firstStatements, upScript } from '../backends/typeorm/migration-script.js';
import { MIGRATIONS, type MigrationName } from '../backends/typeorm/schema-traits.js';
import type { StoreSettings } from '../backends/typeorm/store-settings.js';
import { systemClock } from '../core/clock.js';
import { sqlText } from './sql-text.js';
import type { Terminal } from './terminal.js';
import { withStore } from './with-store.js';

/** Applies what is missing, or prints what that would be. */
export async function applyMigrations(
  settings: StoreSettings,
  dryRun: boolean,
  terminal: Terminal,
): Promise<void> {
  if (dryRun) return printMissing(settings, terminal);
  await withStore(settings, { mayCreate: true }, async ({ migrator, dialect }) => {
    const applied = await migrator.up();
    for (const name of applied) terminal.print(`${terminal.paint('green', 'applied')}  ${name}`);
    if (applied.length === 0) terminal.print(`${dialect.place} is up to date`);
  });
}

async function printMissing(settings: StoreSettings, terminal: Terminal): Promise<void> {
  const { place, schema } = createDialect(settings, systemClock, undefined);
  const missing = await findMissing(settings, place);
  if (missing.length === 0) return terminal.print(`-- ${place} is up to date`);
  const first = missing.length === MIGRATIONS.length ? firstStatements(schema) : [];
  terminal.print(sqlText(first, upScript(schema, missing)));
}

/** Looking must not create a file. */
async function findMissing(
  settings: StoreSettings,
  place: string,
): Promise<readonly MigrationName[]> {
  if (settings.kind === 'sqlite' && !existsSync(place)) return MIGRATIONS;
  return withStore(settings, { mayCreate: false }, async ({ migrator }) => {
    return (await migrator.knownState()).missing;
  });
}
