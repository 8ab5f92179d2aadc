import type { DataSource } from 'typeorm';
import { check } from '../../core/option-checks.js';
import { readOptions, requireObject, type OptionCheck } from '../../core/option-reader.js';
import { showValue } from '../../core/show-value.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import { filePath } from './file-path.js';
import { masterOf } from './master-of.js';
import { urlOptions } from './url-options.js';

/** The databases that have a dialect. */
export type DatabaseKind = 'sqlite' | 'postgres' | 'mysql';

/** Which database, how to reach it, and what its tables are called. Checked. */
export interface StoreSettings {
  readonly kind: DatabaseKind;
  /** Connection options as TypeORM wants them, `type` included. */
  readonly connection: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly tablePrefix: string;
  readonly schema: string | undefined;
  readonly durability: 'full' | 'relaxed';
  readonly migrate: boolean;
  readonly listen: boolean;
}

const DEFAULT_PREFIX = 'sitq_';
/** What may become part of a statement; short enough for every name made of it. */
const NAME = /^[a-z_][a-z0-9_]{0,24}$/i;

const sqlName: OptionCheck<string> = {
  parse: (value) => (typeof value === 'string' && NAME.test(value) ? value : undefined),
  remedy: 'a name that begins with a letter or _, then up to 24 letters, digits or _',
};

const anything: OptionCheck<unknown> = { parse: (value) => value, remedy: 'a value' };
const text = (what: string) => check.text(what);

const COMMON = { type: anything, migrate: check.boolean(), tablePrefix: sqlName };

const durability = check.oneOf('full', 'relaxed');

const A_FILE = `the path of a file, or ':memory:'`;
const SQLITE = { ...COMMON, durability, database: text(A_FILE) };

const SERVER = {
  ...COMMON,
  url: text('a connection URL'),
  host: text('the name of a host'),
  port: check.integer(1, 65_535),
  username: text('the name of a user'),
  password: anything,
  database: text('the name of a database'),
  ssl: anything,
  poolSize: check.integer(1, 1000),
  extra: anything,
};

const POSTGRES = {
  ...SERVER,
  durability,
  schema: sqlName,
  listen: check.boolean(),
  applicationName: text('a name'),
  connectTimeoutMS: check.integer(1, 600_000),
};

const MYSQL = {
  ...SERVER,
  socketPath: text('the path of a socket'),
  connectTimeout: check.integer(1, 600_000),
};

const SHARED = {
  ...COMMON,
  dataSource: check.like<DataSource>('a DataSource of TypeORM', 'initialize'),
  durability,
  schema: sqlName,
  listen: check.boolean(),
};

const KINDS: Readonly<Record<string, DatabaseKind>> = {
  sqlite: 'sqlite',
  postgres: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
};

const SCHEMES: Readonly<Record<string, string>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mariadb',
};

/** Options of a DataSource that are about its own tables and ways, not about the connection. */
const NOT_THE_CONNECTION = [
  'name',
  'entities',
  'migrations',
  'subscribers',
  'migrationsTableName',
  'migrationsRun',
  'migrationsTransactionMode',
  'metadataTableName',
  'synchronize',
  'dropSchema',
  'schema',
  'cache',
  'entityPrefix',
  'namingStrategy',
  'entitySkipConstructor',
  'prepareDatabase',
  'replication',
] as const;

/** Our own options, which TypeORM does not know. */
const ABOUT_TABLES = new Set(['migrate', 'tablePrefix', 'durability', 'schema', 'listen']);

/** Every name that a store option can have, for whoever passes them on. */
export const STORE_OPTIONS: readonly string[] = [
  ...new Set([SQLITE, POSTGRES, MYSQL, SHARED].flatMap((checks) => Object.keys(checks))),
];

/** @throws ConfigurationError that names the option, the value and the remedy. */
export function readStoreSettings(label: string, options: object): StoreSettings {
  requireObject(label, options, refuse);
  const { type, url, dataSource } = options as Record<string, unknown>;
  if (dataSource !== undefined) return readShared(label, options);
  const name = type ?? typeOfUrl(label, url) ?? 'sqlite';
  const kind = typeof name === 'string' && Object.hasOwn(KINDS, name) ? KINDS[name]! : undefined;
  if (!kind) {
    throw refuse(
      `${label}: type is ${showValue(type)}. Give one of 'sqlite', 'postgres', 'mysql', 'mariadb'.`,
      'type',
      type,
    );
  }
  if (kind === 'sqlite') return readSqlite(label, options);
  const checks = kind === 'postgres' ? POSTGRES : MYSQL;
  const given = withUrlOptions(label, kind, readOptions(label, options, checks, refuse));
  if (kind === 'mysql' && given.url === undefined && given.database === undefined) {
    throw refuse(`${label}: database is missing. Name the database of the tables.`, 'database');
  }
  return settings(kind, given, { ...connectionOf(given), type: name as string });
}

/** With what the parameters of the URL say; an option of one's own comes first. */
function withUrlOptions(
  label: string,
  kind: 'postgres' | 'mysql',
  given: { readonly url?: string; readonly schema?: string },
): Record<string, unknown> {
  if (given.url === undefined) return given;
  const said = urlOptions(kind, given.url, (what, remedy) =>
    refuse(`${label}: url ${what}. ${remedy}`, 'url'),
  );
  const { schema = said.schema } = given;
  if (said.schema === undefined || (said.schema === schema && sqlName.parse(schema))) {
    return { ...said, ...given, url: said.url };
  }
  const remedy = schema === said.schema ? sqlName.remedy : `one schema, there or as the option`;
  throw refuse(`${label}: url has schema=${said.schema}. Give ${remedy}.`, 'schema', said.schema);
}

function readSqlite(label: string, options: object): StoreSettings {
  const given = readOptions(label, options, SQLITE, refuse);
  const { database: name = 'sitq.sqlite' } = given;
  const database = filePath(name, (why) => {
    const message = `${label}: database is ${showValue(name)}, which ${why}. Give ${A_FILE}.`;
    return refuse(message, 'database', name);
  });
  return settings('sqlite', given, { type: 'better-sqlite3', database });
}

function readShared(label: string, options: object): StoreSettings {
  const { dataSource, ...given } = readOptions(label, options, SHARED, refuse);
  const { options: all } = dataSource!;
  const kind = all.type === 'better-sqlite3' ? 'sqlite' : KINDS[all.type];
  if (!kind || (all.type as string) === 'sqlite') {
    throw refuse(
      `${label}: dataSource is one of type '${all.type}'. Give one of type 'better-sqlite3', ` +
        `'postgres', 'mysql' or 'mariadb'.`,
      'dataSource',
      all.type,
    );
  }
  const connection: Record<string, unknown> = { ...all, ...masterOf(all) };
  for (const name of NOT_THE_CONNECTION) delete connection[name];
  if (kind === 'sqlite' && connection.database === ':memory:') {
    throw refuse(
      `${label}: dataSource is a database in memory, which nobody else can open. Leave the ` +
        `option out, or give a DataSource on a file.`,
      'dataSource',
      ':memory:',
    );
  }
  return settings(kind, given, connection as StoreSettings['connection']);
}

function settings(
  kind: DatabaseKind,
  given: {
    tablePrefix?: string;
    schema?: string;
    durability?: 'full' | 'relaxed';
    migrate?: boolean;
    listen?: boolean;
  },
  connection: StoreSettings['connection'],
): StoreSettings {
  const { tablePrefix = DEFAULT_PREFIX, schema, durability: level = 'full' } = given;
  const { migrate = true, listen = true } = given;
  if (kind !== 'postgres' && schema !== undefined) {
    throw refuse(
      `schema is ${showValue(schema)}, but only PostgreSQL has schemas. Name the database instead.`,
      'schema',
      schema,
    );
  }
  if (kind === 'mysql' && level === 'relaxed') {
    throw refuse(
      `durability is 'relaxed', but MySQL has no such setting per connection. Set ` +
        `innodb_flush_log_at_trx_commit on the server, and leave the option out.`,
      'durability',
      level,
    );
  }
  return { kind, connection, tablePrefix, schema, durability: level, migrate, listen };
}

/** What is left is about the connection. */
function connectionOf(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !ABOUT_TABLES.has(name)));
}

function typeOfUrl(label: string, url: unknown): string | undefined {
  if (url === undefined) return undefined;
  const scheme = typeof url === 'string' && URL.canParse(url) ? new URL(url).protocol : '';
  const type = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (type) return type;
  // The URL itself may hold a password.
  throw refuse(
    `${label}: url does not begin with postgres://, mysql:// or mariadb://. Give such a URL, or ` +
      `an SQLite file as database.`,
    'url',
    scheme,
  );
}

function refuse(message: string, option: string, value?: unknown): ConfigurationError {
  return new ConfigurationError(message, option, value);
}
