import { downScript } from '../backends/typeorm/migration-script.js';
import type { MigrationName } from '../backends/typeorm/schema-traits.js';
import type { StoreSettings } from '../backends/typeorm/store-settings.js';
import { sqlText } from './sql-text.js';
import type { Terminal } from './terminal.js';
import { withStore, type CliStore } from './with-store.js';

interface UndoFlags {
  readonly count: number;
  readonly dryRun: boolean;
  /** Whether whoever asks knows what will be lost. */
  readonly yes: boolean;
}

/** Undoes the last migrations, or says what that would lose. */
export async function undoMigrations(
  settings: StoreSettings,
  { count, dryRun, yes }: UndoFlags,
  terminal: Terminal,
): Promise<void> {
  await withStore(settings, { mayCreate: false }, async (store) => {
    const { migrator, dialect } = store;
    const last = (await migrator.knownState()).applied.slice(-count).reverse();
    if (last.length === 0) return terminal.print(`${dialect.place} has no migrations`);
    if (dryRun) return terminal.print(sqlText([], downScript(dialect.schema, last)));
    if (yes) {
      for (const name of await migrator.down(last.length)) terminal.print(`undone  ${name}`);
      return;
    }
    terminal.print(`To undo ${last.join(', ')} in ${dialect.place} loses:`);
    for (const loss of await losses(store, last)) terminal.print(`  ${loss}`);
    terminal.fail('Nothing was done. Repeat it with --yes.');
  });
}

/** Reads what is lost from the statements themselves, so that nothing can be forgotten. */
async function losses(
  { dataSource, dialect }: CliStore,
  migrations: readonly MigrationName[],
): Promise<string[]> {
  const { names, migrations: all } = dialect.schema;
  const statements = migrations.flatMap((name) => all[name].down).join(';\n');
  const rows = async (table: string) => {
    const count = names.in(`SELECT count(*) AS n FROM {${table}}`);
    const [{ n }] = await dataSource.query<[{ n: unknown }]>(count);
    return `${Number(n)} ${Number(n) === 1 ? 'row' : 'rows'}`;
  };
  const lost: string[] = [];
  const dropped = [...statements.matchAll(/DROP TABLE (?:IF EXISTS )?\{(\w+)\}/gi)];
  const tables = new Set(dropped.map(([, table]) => table!));
  for (const table of tables) lost.push(`${names.plain(table)}: ${await rows(table)}`);
  for (const [, table, changes] of statements.matchAll(/ALTER TABLE \{(\w+)\}([^;]*)/gi)) {
    if (tables.has(table!)) continue;
    for (const [, column] of changes!.matchAll(/DROP COLUMN ["`]?(\w+)/gi)) {
      lost.push(`${names.plain(table!)}.${column} of ${await rows(table!)}`);
    }
  }
  return lost;
}
