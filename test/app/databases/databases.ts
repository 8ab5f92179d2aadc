import { randomBytes } from 'node:crypto';
import type { ServerKind } from './kinds.js';
import { connect, type Sql } from './sql.js';

/** An empty database of its own on a server. */
export interface TestDatabase {
  readonly kind: ServerKind;
  readonly name: string;
  readonly url: string;
  /** How sitq connects to it; plain JSON. */
  readonly options: { readonly type: ServerKind; readonly url: string };
  /** A connection past sitq, to be closed by the caller. */
  sql(): Promise<Sql>;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/** A database that is older than this was left by a run that was killed. */
const LONGEST_RUN = 3_600_000;
const PREFIX = 'sitq_test_';

/** Makes a database on the server of this URL. */
export async function createDatabaseOn(kind: ServerKind, server: string): Promise<TestDatabase> {
  const name = `${PREFIX}${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
  // Nobody may connect to template0, so that several can be copied from it at once.
  const template = kind === 'postgres' ? 'TEMPLATE template0' : 'CHARACTER SET utf8mb4';
  await on(kind, server, (sql) => sql.run(`CREATE DATABASE ${name} ${template}`));
  const url = urlWith(server, { kind, database: name });
  return {
    kind,
    name,
    url,
    options: { type: kind, url },
    sql: () => connect(kind, url),
    drop: () => on(kind, server, (sql) => drop(sql, name)),
  };
}

/** Removes what runs that were killed have left. */
export async function dropLeftovers(kind: ServerKind, server: string): Promise<void> {
  const list =
    kind === 'postgres'
      ? `SELECT datname AS name FROM pg_database`
      : `SELECT schema_name AS name FROM information_schema.schemata`;
  await on(kind, server, async (sql) => {
    for (const { name } of await sql.query<{ name: string }>(list)) {
      const createdAt = Number.parseInt(/^sitq_test_([0-9a-z]+)_/.exec(name)?.[1] ?? '', 36);
      if (Date.now() - createdAt > LONGEST_RUN) await drop(sql, name);
    }
  });
}

/** The URL with other parts; what is left out stays. */
export function urlWith(
  url: string,
  parts: { kind?: ServerKind; database?: string; port?: number },
): string {
  const { kind, database, port } = parts;
  const { username, password, hostname, port: oldPort, pathname, search } = new URL(url);
  const user = username && `${username}${password && `:${password}`}@`;
  const scheme = kind ?? new URL(url).protocol.slice(0, -1);
  const path = database === undefined ? pathname : `/${database}`;
  return `${scheme}://${user}${hostname}:${port ?? oldPort}${path}${search}`;
}

async function drop(sql: Sql, name: string): Promise<void> {
  if (sql.kind === 'postgres') return sql.run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  const connections = await sql.query<{ id: number }>(
    `SELECT id FROM information_schema.processlist WHERE db = '${name}'`,
  );
  for (const { id } of connections) await sql.run(`KILL ${id}`).catch(() => undefined); // gone by itself
  await sql.run(`DROP DATABASE IF EXISTS ${name}`);
}

async function on<T>(kind: ServerKind, server: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = await connect(kind, server);
  try {
    return await work(sql);
  } finally {
    await sql.close();
  }
}
