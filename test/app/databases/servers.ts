import { userInfo } from 'node:os';
import { createDatabaseOn, dropLeftovers, type TestDatabase } from './databases.js';
import { kindOfVersion, type ServerKind } from './kinds.js';
import { startMariadb } from './mariadb-server.js';
import { OwnServer } from './own-server.js';
import { startPostgres } from './postgres-server.js';
import { findPgbouncer } from './pgbouncer.js';
import { connect } from './sql.js';

/** URLs of the servers that a run has, by kind. */
type Servers = Partial<Record<ServerKind, string>>;

/** Hands the servers that jest's setup has found to its workers. */
const VARIABLE = 'SITQ_TEST_SERVERS';
const HOW_TO_TEST_MYSQL =
  'Install mariadbd (Debian: mariadb-server), or set ' +
  'SITQ_TEST_MYSQL_URL=mysql://user:password@host:port/ to a server that lets create databases.';

const HOW_TO_TEST_PGBOUNCER = 'Install it (Debian: pgbouncer).';

/** The kinds of server that this run has. */
export function serverKinds(): ServerKind[] {
  return Object.keys(servers()) as ServerKind[];
}

/** An empty database of its own on the server of this run. */
export function createDatabase(kind: ServerKind): Promise<TestDatabase> {
  const server = servers()[kind];
  if (!server) throw new Error(`This run has no server for ${kind}.`);
  return createDatabaseOn(kind, server);
}

function servers(): Servers {
  return JSON.parse(process.env[VARIABLE] ?? '{}') as Servers;
}

/** What {@link findServers} had to start. */
const started: OwnServer[] = [];
/** Why there is no MySQL. */
let missing = '';

/** For jest's setup: finds or starts the servers, once for all workers. */
export async function findServers(): Promise<void> {
  OwnServer.removeLeftovers();
  const [postgres, mysql] = await Promise.all([findPostgres(), findMysql()]);
  const found: Servers = { ...postgres, ...mysql };
  for (const [kind, url] of Object.entries(found)) await dropLeftovers(kind as ServerKind, url);
  process.env[VARIABLE] = JSON.stringify(found);
}

/** For jest's teardown: stops what was started, and says what could not be tested. */
export async function leaveServers(): Promise<void> {
  await Promise.all(started.splice(0).map((server) => server.close()));
  const { mysql, mariadb } = servers();
  if (!mysql && !mariadb)
    say(`MySQL and MariaDB were NOT tested: ${missing}. ${HOW_TO_TEST_MYSQL}`);
  if (!findPgbouncer()) say(`pgbouncer was NOT tested. ${HOW_TO_TEST_PGBOUNCER}`);
}

function say(line: string): void {
  process.stderr.write(`\n${line}\n`);
}

async function findPostgres(): Promise<Servers> {
  const told = process.env.SITQ_TEST_POSTGRES_URL;
  if (told) return { postgres: await usable('postgres', told, 'SITQ_TEST_POSTGRES_URL') };
  for (const user of new Set(['postgres', 'root', userInfo().username])) {
    const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`;
    if (await works('postgres', url)) return { postgres: url };
  }
  return { postgres: await startedUrl(startPostgres) };
}

/** The one that was named; beside a MySQL also a MariaDB, since the two differ. */
async function findMysql(): Promise<Servers> {
  const told = process.env.SITQ_TEST_MYSQL_URL;
  const named = told ? await withKind(await usable('mysql', told, 'SITQ_TEST_MYSQL_URL')) : {};
  if (named.mariadb) return named;
  const local = 'mysql://root@127.0.0.1:3306/';
  if (await works('mysql', local)) return { ...(await withKind(local)), ...named };
  try {
    return { ...named, mariadb: await startedUrl(startMariadb) };
  } catch (error) {
    missing = `none answers on 127.0.0.1:3306 as root without a password, and ${(error as Error).message}`;
    return named;
  }
}

async function withKind(url: string): Promise<Servers> {
  const sql = await connect('mysql', url);
  const [row] = await sql.query<{ version: string }>('SELECT version() AS version');
  await sql.close();
  return { [kindOfVersion(row!.version)]: url };
}

async function startedUrl(start: () => Promise<OwnServer>): Promise<string> {
  const server = await start();
  started.push(server);
  return server.url;
}

async function usable(kind: ServerKind, url: string, variable: string): Promise<string> {
  try {
    await tryOut(kind, url);
    return url;
  } catch (error) {
    throw new Error(`${variable} names a server that cannot be used: ${String(error)}`, {
      cause: error,
    });
  }
}

async function works(kind: ServerKind, url: string): Promise<boolean> {
  try {
    await tryOut(kind, url);
    return true;
  } catch {
    return false;
  }
}

/** A server of which we may only read is of no use. */
async function tryOut(kind: ServerKind, url: string): Promise<void> {
  const database = await createDatabaseOn(kind, url);
  await database.drop();
}
