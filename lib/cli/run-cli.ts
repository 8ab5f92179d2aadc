import { Command, CommanderError } from 'commander';
import { SitqError } from '../errors/sitq.error.js';
import { textOf } from '../core/text-of.js';
import { VERSION } from '../core/version.js';
import { backupCommand } from './backup.command.js';
import { doctorCommand } from './doctor.command.js';
import { migrateCommand } from './migrate.command.js';
import { restoreCommand } from './restore.command.js';
import { schemaCommand } from './schema.command.js';
import type { Terminal } from './terminal.js';

const COMMANDS = [migrateCommand, schemaCommand, doctorCommand, backupCommand, restoreCommand];

/** Runs one command. How it went is in the terminal's `exitCode`. Never throws. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await program(terminal).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0) terminal.exitCode = 2; // it has said what is wrong
      return;
    }
    terminal.fail(`error: ${describe(error, args.includes('--verbose'))}`, 2);
  }
}

function program(terminal: Terminal): Command {
  const sitq = new Command('sitq')
    .description('The tables of nestjs-sitq, and their health.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.fail(text.trimEnd(), 2),
    });
  for (const command of COMMANDS) {
    sitq.addCommand(command(terminal).copyInheritedSettings(sitq));
  }
  return sitq;
}

/** A line, since a stack helps only who knows the code. */
function describe(error: unknown, isVerbose: boolean): string {
  if (!(error instanceof Error)) return textOf(error);
  if (!isVerbose) return error instanceof SitqError ? error.message : String(error);
  const { cause } = error;
  return `${error.stack}${cause === undefined ? '' : `\ncaused by ${describe(cause, true)}`}`;
}
