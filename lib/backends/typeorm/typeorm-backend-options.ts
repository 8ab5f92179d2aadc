import type { DataSource, DataSourceOptions } from 'typeorm';
import type { Clock } from '../../core/clock.js';
import type { SitqLogger } from '../../core/logger.js';

/** What every store has. */
interface CommonStoreOptions {
  /** Create or update the tables when opened. @default true */
  migrate?: boolean;
  /** Begins the names of tables and indexes: a letter, then up to 24 letters, digits or `_`. @default 'sitq_' */
  tablePrefix?: string;
}

/**
 * Tasks in an SQLite file.
 *
 * @publicApi
 */
export interface SqliteStoreOptions extends CommonStoreOptions {
  type?: 'sqlite';
  /**
   * SQLite file, created with mode 0600, or `':memory:'`. A path, from the working directory or, with
   * `~/`, from the home directory; `file:` and `sqlite:` may stand before it. @default 'sitq.sqlite'
   */
  database?: string;
  /**
   * `full`: what is acknowledged survives a power cut. `relaxed`: it survives the death of the
   * process, but a power cut may take the last moments. @default 'full'
   */
  durability?: 'full' | 'relaxed';
}

/** Options of TypeORM's PostgreSQL driver that say how to connect. */
type PostgresConnection = Pick<
  Extract<DataSourceOptions, { type: 'postgres' }>,
  | 'url'
  | 'host'
  | 'port'
  | 'username'
  | 'password'
  | 'database'
  | 'ssl'
  | 'applicationName'
  | 'poolSize'
  | 'connectTimeoutMS'
  | 'extra'
>;

/** What only PostgreSQL has. */
interface PostgresFeatures extends CommonStoreOptions {
  /** Where the tables are, created when missing: a letter, then letters, digits or `_`. @default the connection's */
  schema?: string;
  /** `relaxed`: a crash of the server may take what was acknowledged in its last moments. @default 'full' */
  durability?: 'full' | 'relaxed';
  /**
   * Keep one more connection on which other processes wake this one (LISTEN). Turn it off behind
   * pgbouncer in transaction mode: processes then notice each other's tasks at their next poll.
   * @default true
   */
  listen?: boolean;
}

/**
 * Tasks in PostgreSQL 12 or newer: TypeORM's connection options. Needs the package `pg`.
 *
 * @publicApi
 */
export type PostgresStoreOptions = { type: 'postgres' } & Mutable<PostgresConnection> &
  PostgresFeatures;

/** Options of TypeORM's MySQL driver that say how to connect. */
type MysqlConnection = Pick<
  Extract<DataSourceOptions, { type: 'mysql' | 'mariadb' }>,
  | 'url'
  | 'host'
  | 'port'
  | 'username'
  | 'password'
  | 'database'
  | 'ssl'
  | 'socketPath'
  | 'poolSize'
  | 'connectTimeout'
  | 'extra'
>;

/**
 * Tasks in MySQL 8 or MariaDB 10.6 or newer: TypeORM's connection options. Needs the package
 * `mysql2`.
 *
 * @publicApi
 */
export type MysqlStoreOptions = { type: 'mysql' | 'mariadb' } & Mutable<MysqlConnection> &
  CommonStoreOptions;

/**
 * Tasks in the database of this URL: `postgres://`, `mysql://` or `mariadb://`.
 *
 * @publicApi
 */
export type UrlStoreOptions = { type?: undefined; url: string } & Pick<
  Mutable<PostgresConnection>,
  'ssl' | 'poolSize' | 'extra'
> &
  PostgresFeatures;

/**
 * Tasks in the database of a DataSource of the application. sitq opens connections of its own
 * with the options of that one: what it acknowledged must not hang on an open transaction of the
 * application, nor on when the application closes its DataSource.
 *
 * @publicApi
 */
export type DataSourceStoreOptions = { dataSource: DataSource } & PostgresFeatures;

/**
 * Where tasks are kept.
 *
 * @publicApi
 */
export type StoreOptions =
  | SqliteStoreOptions
  | PostgresStoreOptions
  | MysqlStoreOptions
  | UrlStoreOptions
  | DataSourceStoreOptions;

/**
 * Options of {@link TypeOrmBackend}.
 *
 * @publicApi
 */
export type TypeOrmBackendOptions = StoreOptions & {
  /** Where warnings go. @default nowhere */
  logger?: SitqLogger;
  /** Tells the time for SQLite; the servers have clocks of their own. @default the clock of this machine */
  clock?: Clock;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
