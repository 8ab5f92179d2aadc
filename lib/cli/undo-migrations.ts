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
  const statements = migrations.flatMap((name) => all[name].down).map((down) => names.in(down));
  const rowsOf = async (table: string) => {
    const [{ n }] = await dataSource.query<[{ n: unknown }]>(`SELECT count(*) AS n FROM ${table}`);
    return `${Number(n)} ${Number(n) === 1 ? 'row' : 'rows'}`;
  };
  const lost: string[] = [];
  const dropped = new Set(statements.flatMap((statement) => DROP_TABLE.exec(statement)?.[1] ?? []));
  for (const table of dropped) lost.push(`${unquoted(table)}: ${await rowsOf(table)}`);
  for (const statement of statements) {
    const [, table] = ALTER_TABLE.exec(statement) ?? [];
    if (table === undefined || dropped.has(table)) continue;
    for (const [, column] of statement.matchAll(DROP_COLUMN)) {
      lost.push(`${unquoted(table)}.${column} of ${await rowsOf(table)}`);
    }
  }
  return lost;
}

const DROP_TABLE = /DROP TABLE (?:IF EXISTS )?(["`]\S+["`])/i;
const ALTER_TABLE = /ALTER TABLE (["`]\S+["`])/i;
const DROP_COLUMN = /DROP COLUMN ["`]?(\w+)/gi;

function unquoted(name: string): string {
  return name.replaceAll(/["`]/g, '');
}
