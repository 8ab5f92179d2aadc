import { Command, Option } from 'commander';
import { createDialect } from '../backends/typeorm/dialect/create-dialect.js';
import { grants } from '../backends/typeorm/grants.js';
import { firstStatements, upScript } from '../backends/typeorm/migration-script.js';
import { MIGRATIONS } from '../backends/typeorm/schema-traits.js';
import type { StoreSettings } from '../backends/typeorm/store-settings.js';
import { systemClock } from '../core/clock.js';
import { ConfigurationError } from '../errors/configuration.error.js';
import { sqlText } from './sql-text.js';
import { addStoreOptions, readStoreFlags, type StoreFlags } from './store-flags.js';
import type { Terminal } from './terminal.js';

interface SchemaFlags extends StoreFlags {
  readonly type?: string;
  readonly grants?: string;
}

/** `sitq schema` */
export function schemaCommand(terminal: Terminal): Command {
  const types = ['sqlite', 'postgres', 'mysql', 'mariadb'];
  const command = new Command('schema')
    .description('print the SQL of the tables, to be run by hand; connects to nothing')
    .addOption(new Option('--type <type>', 'kind of database, when no URL tells').choices(types))
    .option('--grants <role>', 'print the rights that a process needs instead, for this role');
  return addStoreOptions(command).action((flags: SchemaFlags) => {
    const { schema } = createDialect(readSchemaFlags(flags, command), systemClock, undefined);
    if (flags.grants === undefined) {
      return terminal.print(sqlText(firstStatements(schema), upScript(schema, MIGRATIONS)));
    }
    if (!schema.quoteRole) throw new ConfigurationError('SQLite has no roles.', 'grants');
    return terminal.print(...grants(schema, flags.grants).map((statement) => `${statement};`));
  });
}

/** Where the tables are does not matter. */
function readSchemaFlags({ type, ...flags }: SchemaFlags, command: Command): StoreSettings {
  return type === undefined
    ? readStoreFlags(flags, command)
    : readStoreFlags(flags, command, { type, database: 'unused' });
}
