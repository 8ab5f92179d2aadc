import { Option, type Command } from 'commander';
import { readStoreSettings, type StoreSettings } from '../backends/typeorm/store-settings.js';
import { ConfigurationError } from '../errors/configuration.error.js';

/** What every command can be told about the store. */
export interface StoreFlags {
  readonly url?: string;
  readonly database?: string;
  readonly schema?: string;
  readonly tablePrefix?: string;
  readonly listen?: boolean;
  readonly verbose?: boolean;
}

/** Adds the options that say which store. */
export function addStoreOptions(command: Command): Command {
  const url = new Option(
    '--url <url>',
    'postgres://, mysql://, mariadb:// or sqlite:<file>; a password is better kept in the variable',
  );
  return command
    .addOption(url.env('SITQ_URL'))
    .option('--database <file>', 'SQLite file')
    .option('--schema <name>', 'schema of the tables (PostgreSQL)')
    .option('--table-prefix <prefix>', 'begins the names of the tables (default: "sitq_")')
    .option('--verbose', 'print the stack of an error');
}

/**
 * @param place options of the store that say where it is.
 * @throws ConfigurationError for a bad flag, or when none says which store.
 */
export function readStoreFlags(
  flags: StoreFlags,
  command: Command,
  place: object = placeOf(flags, command),
): StoreSettings {
  const { schema, tablePrefix } = flags;
  const listen = flags.listen === false ? false : undefined; // what the URL says, else true
  const options = tablePrefix === undefined ? place : { ...place, tablePrefix };
  const settings = readStoreSettings('sitq', options);
  if (settings.kind === 'postgres') {
    return readStoreSettings('sitq', { ...options, schema, listen });
  }
  if (schema === undefined) return settings;
  throw new ConfigurationError('--schema is for PostgreSQL; other databases have none.', 'schema');
}

function placeOf({ url, database }: StoreFlags, command: Command): object {
  const isUrlTyped = command.getOptionValueSource('url') === 'cli';
  if (database !== undefined && isUrlTyped) {
    throw new ConfigurationError('--url and --database exclude each other. Give one.', 'url');
  }
  if (database !== undefined) return { database };
  if (url === undefined || url === '') {
    throw new ConfigurationError(
      'Which database? Give --url, or --database for an SQLite file, or set SITQ_URL.',
      'url',
    );
  }
  return /^(?:sqlite|file):/.test(url) ? { database: url } : { url };
}
