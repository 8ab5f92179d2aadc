import { Command } from 'commander';
import { restore } from '../backends/typeorm/backup/restore.js';
import { interruptible } from './interruptible.js';
import { addStoreOptions, readStoreFlags, type StoreFlags } from './store-flags.js';
import type { Terminal } from './terminal.js';

/** `sitq restore` */
export function restoreCommand(terminal: Terminal): Command {
  const command = new Command('restore')
    .description('put a backup in the place of an SQLite store that no process uses')
    .argument('<file>', 'the backup, which stays as it is');
  return addStoreOptions(command).action(async (backup: string, flags: StoreFlags) => {
    const { file, kept, tasks, isOlder } = await interruptible((signal) =>
      restore(readStoreFlags(flags, command), backup, signal),
    );
    const counts = Object.entries(tasks).map(([status, n]) => `${n} ${status}`);
    terminal.print(
      `${terminal.paint('green', 'restored')}  ${file}: ${counts.join(', ') || 'no tasks'}`,
    );
    if (kept !== null) terminal.print(`What was there before is kept in ${kept}`);
    if (isOlder) terminal.print('Its tables are older: the next boot brings them up to date.');
  });
}
