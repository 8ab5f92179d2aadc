import { Command, InvalidArgumentError } from 'commander';
import { applyMigrations } from './apply-migrations.js';
import { addStoreOptions, readStoreFlags, type StoreFlags } from './store-flags.js';
import type { Terminal } from './terminal.js';
import { undoMigrations } from './undo-migrations.js';

interface MigrateFlags extends StoreFlags {
  readonly dryRun?: boolean;
  readonly down?: number | true;
  readonly yes?: boolean;
}

/** `sitq migrate` */
export function migrateCommand(terminal: Terminal): Command {
  const command = new Command('migrate')
    .description('create the tables, or bring them up to date')
    .option('--dry-run', 'print the SQL and run none of it')
    .option('--down [n]', 'undo the last n migrations instead (default: 1)', readCount)
    .option('--yes', 'with --down: lose what it says');
  return addStoreOptions(command).action(async (flags: MigrateFlags) => {
    const settings = readStoreFlags(flags, command);
    const { down, dryRun = false, yes = false } = flags;
    if (down === undefined) return applyMigrations(settings, dryRun, terminal);
    return undoMigrations(settings, { count: down === true ? 1 : down, dryRun, yes }, terminal);
  });
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a number of migrations, such as 1.');
}
