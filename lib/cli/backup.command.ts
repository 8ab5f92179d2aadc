import { Command } from 'commander';
import { backUp } from '../backends/typeorm/backup/back-up.js';
import { interruptible } from './interruptible.js';
import { addStoreOptions, readStoreFlags, type StoreFlags } from './store-flags.js';
import type { Terminal } from './terminal.js';

interface BackupFlags extends StoreFlags {
  readonly force?: boolean;
}

/** `sitq backup` */
export function backupCommand(terminal: Terminal): Command {
  const command = new Command('backup')
    .description('copy an SQLite store into one file, whoever uses it meanwhile')
    .argument('<file>', 'where to; nothing that is there is replaced')
    .option('--force', 'replace what is there');
  return addStoreOptions(command).action(async (target: string, flags: BackupFlags) => {
    const { force = false } = flags;
    const { file, bytes } = await interruptible((signal) =>
      backUp(readStoreFlags(flags, command), target, { force, signal }),
    );
    terminal.print(`${terminal.paint('green', 'saved')}  ${file}, ${bytes} bytes`);
  });
}
