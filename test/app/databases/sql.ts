import Database from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
import { Client, types } from 'pg';
import type { ServerKind, StoreKind } from './kinds.js';

/** A connection to a database, past sitq. */
export interface Sql {
  readonly kind: StoreKind;
  /** The rows of one statement; 64-bit integers are numbers. */
  query<T>(statement: string): Promise<T[]>;
  /** Runs statements in order. */
  run(...statements: string[]): Promise<void>;
  close(): Promise<void>;
}

/** Connects to a server; rejects when it does not answer within two seconds. */
export function connect(kind: ServerKind, url: string): Promise<Sql> {
  return kind === 'postgres' ? connectToPostgres(url) : connectToMysql(kind, url);
}

export function openSqlite(database: string): Sql {
  const db = new Database(database, { timeout: 10_000 });
  const query = async <T>(statement: string) => {
    const prepared = db.prepare(statement);
    if (prepared.reader) return prepared.all() as T[];
    prepared.run();
    return [];
  };
  return withRun({ kind: 'sqlite', query, close: async () => void db.close() });
}

const CONNECT_TIMEOUT = 2000;
const POSTGRES_INT8 = 20;

async function connectToPostgres(url: string): Promise<Sql> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    types: {
      getTypeParser: ((oid: number, format: 'text') =>
        oid === POSTGRES_INT8 ? Number : types.getTypeParser(oid, format)) as never,
    },
  });
  client.on('error', () => undefined); // the next query tells
  await client.connect();
  return withRun({
    kind: 'postgres',
    query: async <T>(statement: string) => (await client.query(statement)).rows as T[],
    close: () => client.end(),
  });
}

async function connectToMysql(kind: ServerKind, url: string): Promise<Sql> {
  const connection = await createConnection({ uri: url, connectTimeout: CONNECT_TIMEOUT });
  connection.on('error', () => undefined); // the next query tells
  return withRun({
    kind,
    query: async <T>(statement: string) => {
      const [rows] = await connection.query(statement);
      return (Array.isArray(rows) ? rows : []) as T[];
    },
    close: () => connection.end(),
  });
}

function withRun(sql: Omit<Sql, 'run'>): Sql {
  const run = async (...statements: string[]) => {
    for (const statement of statements) await sql.query(statement);
  };
  return { ...sql, run };
}
