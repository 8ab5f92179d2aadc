import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from './app/databases/databases.js';
import { findMariadb, startMariadb } from './app/databases/mariadb-server.js';
import type { OwnServer } from './app/databases/own-server.js';
import { startPostgres } from './app/databases/postgres-server.js';
import { createDatabase, serverKinds } from './app/databases/servers.js';
import { connect, type Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { TcpProxy } from './app/tcp-proxy.js';

const CONNECTED = 'SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()';
const PROCESSES = 'SELECT count(*) AS n FROM information_schema.processlist WHERE db = database()';

/** How drivers say that the connection is gone. */
const LOST = /connection|socket|ECONNRESET|EPIPE/i;

const opened: { close(): unknown }[] = [];
function closing<T extends { close(): unknown }>(each: T): T {
  opened.push(each);
  return each;
}
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

test('there is a PostgreSQL', () => {
  expect(serverKinds()).toContain('postgres');
});

describe.each(serverKinds())('%s', (kind) => {
  const databases: TestDatabase[] = [];
  async function newDatabase(): Promise<TestDatabase> {
    const database = await createDatabase(kind);
    databases.push(database);
    return database;
  }
  afterAll(() => Promise.all(databases.map((database) => database.drop())));

  test('gives each test a database of its own', async () => {
    const [one, other] = await Promise.all([newDatabase(), newDatabase()]);
    const [here, there] = [closing(await one.sql()), closing(await other.sql())];
    await here.run('CREATE TABLE pet (name text)', `INSERT INTO pet VALUES ('Käthe 🐈')`);
    await there.run('CREATE TABLE pet (name text)');
    expect(await here.query('SELECT name FROM pet')).toEqual([{ name: 'Käthe 🐈' }]);
    expect(await there.query('SELECT name FROM pet')).toEqual([]);
    expect(await there.query('SELECT count(*) AS n FROM pet')).toEqual([{ n: 0 }]);
  });

  test('drops a database that is still in use', async () => {
    const database = await createDatabase(kind);
    const sql = await database.sql();
    await sql.run('CREATE TABLE pet (name text)', 'BEGIN', `INSERT INTO pet VALUES ('Ann')`);
    await database.drop();
    await expect(sql.query('SELECT 1')).rejects.toThrow(LOST);
    await expect(database.sql()).rejects.toThrow(database.name);
  });

  describe('through a proxy', () => {
    let database: TestDatabase;
    let proxy: TcpProxy;
    let direct: Sql;
    let sql: Sql;

    beforeEach(async () => {
      database = await newDatabase();
      proxy = closing(await TcpProxy.to(database.url));
      direct = closing(await database.sql());
      await direct.run('CREATE TABLE pet (name text)');
      sql = await connect(kind, proxy.url);
    });
    afterEach(() => sql.close().catch(() => undefined));

    const names = async () => {
      const rows = await direct.query<{ name: string }>('SELECT name FROM pet');
      return rows.map(({ name }) => name);
    };
    /** Connections that the server knows of, without this one. */
    const known = async () => {
      const [row] = await direct.query<{ n: number }>(kind === 'postgres' ? CONNECTED : PROCESSES);
      return row!.n - 1;
    };

    test('all passes, also what is large', async () => {
      const name = 'x'.repeat(50_000);
      await sql.run(`INSERT INTO pet VALUES ('${name}')`);
      expect(await sql.query('SELECT name FROM pet')).toEqual([{ name }]);
      expect(proxy.connections).toBe(1);
      await sql.close();
      await eventually(async () => proxy.connections === 0 && (await known()) === 0);
    });

    test('cut() ends connections and takes new ones', async () => {
      const query = sql.query(kind === 'postgres' ? 'SELECT pg_sleep(1)' : 'SELECT sleep(1)');
      query.catch(() => undefined);
      await sleep(50);
      proxy.cut();
      await expect(query).rejects.toThrow(LOST);
      await expect(sql.query('SELECT 1')).rejects.toThrow(LOST);
      const again = closing(await connect(kind, proxy.url));
      expect(await again.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });

    test('freeze() holds all back and closes nothing; thaw() lets it pass', async () => {
      proxy.freeze();
      let answered = false;
      const insert = sql.run(`INSERT INTO pet VALUES ('Ann')`).then(() => (answered = true));
      const closed = closing(await database.sql());
      await sleep(100);
      expect(answered).toBe(false);
      expect(await names()).toEqual([]);
      expect(await known()).toBe(2);
      await closed.close();
      proxy.thaw();
      await insert;
      expect(await names()).toEqual(['Ann']);
    });

    test('freeze(text) freezes only connections that have sent it', async () => {
      await sql.query(`SELECT 'this one'`);
      const other = closing(await connect(kind, proxy.url));
      proxy.freeze('this one');
      let answered = false;
      const insert = sql.run(`INSERT INTO pet VALUES ('Ann')`).then(() => (answered = true));
      expect(await other.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(answered).toBe(false);
      proxy.thaw();
      await insert;
      expect(await names()).toEqual(['Ann']);
    });

    test('a client that leaves a frozen connection leaves the server with it', async () => {
      await sql.run('BEGIN', `INSERT INTO pet VALUES ('Ann')`);
      proxy.freeze();
      void sql.close().catch(() => undefined);
      await sleep(100);
      expect(await known()).toBe(1);
      proxy.thaw();
      await eventually(async () => (await known()) === 0);
      expect(await names()).toEqual([]);
    });

    test('refuse() refuses new connections and keeps the others, accept() ends it', async () => {
      const { url } = proxy;
      proxy.refuse();
      await expect(connect(kind, url)).rejects.toThrow('ECONNREFUSED');
      await sql.run(`INSERT INTO pet VALUES ('Ann')`);
      await proxy.accept();
      expect(proxy.url).toBe(url);
      expect(await closing(await connect(kind, url)).query('SELECT 1 AS one')).toEqual([
        { one: 1 },
      ]);
    });

    test('delay() takes its time in each direction', async () => {
      const roundTrip = async () => {
        const began = performance.now();
        await sql.query('SELECT 1');
        return performance.now() - began;
      };
      proxy.delay(250);
      expect(await roundTrip()).toBeGreaterThanOrEqual(495);
      proxy.delay(0);
      await eventually(async () => (await roundTrip()) < 495);
    });

    test('swallowReplies() lets requests arrive, and their replies be lost', async () => {
      proxy.swallowReplies();
      const insert = sql.run(`INSERT INTO pet VALUES ('Ann')`);
      insert.catch(() => undefined);
      await eventually(async () => (await names()).length === 1);
      proxy.cut();
      await expect(insert).rejects.toThrow(LOST);
      proxy.passReplies();
      const again = closing(await connect(kind, proxy.url));
      expect(await again.query('SELECT name FROM pet')).toEqual([{ name: 'Ann' }]);
    });

    test('cutAfter() loses the reply to a commit that was done', async () => {
      await sql.run('BEGIN', `INSERT INTO pet VALUES ('Ann')`);
      const cut = proxy.cutAfter('COMMIT');
      await expect(sql.run('COMMIT')).rejects.toThrow(LOST);
      await cut;
      expect(await names()).toEqual(['Ann']);
    });

    test('cutBefore() loses the commit, once', async () => {
      await sql.run('BEGIN', `INSERT INTO pet VALUES ('Ann')`);
      const cut = proxy.cutBefore('COMMIT');
      await expect(sql.run('COMMIT')).rejects.toThrow(LOST);
      await cut;
      await eventually(async () => (await known()) === 0);
      expect(await names()).toEqual([]);
      const again = closing(await connect(kind, proxy.url));
      await again.run('BEGIN', `INSERT INTO pet VALUES ('Bob')`, 'COMMIT');
      expect(await names()).toEqual(['Bob']);
    });
  });
});

const OWN: [name: string, start: () => Promise<OwnServer>][] = [['postgres', startPostgres]];
if (findMariadb()) OWN.push(['mariadb', startMariadb]);

test.each(OWN)('a %s of our own keeps what was committed when it crashes', async (_name, start) => {
  const server = closing(await start());
  const database = await server.createDatabase();
  const before = await database.sql();
  await before.run('CREATE TABLE pet (name text)', `INSERT INTO pet VALUES ('Ann')`);
  await before.run('BEGIN', `INSERT INTO pet VALUES ('Bob')`);
  await server.crash();
  await expect(before.query('SELECT 1')).rejects.toThrow(LOST);
  await expect(database.sql()).rejects.toThrow('ECONNREFUSED');

  await server.start();
  const between = await database.sql();
  expect(await between.query('SELECT name FROM pet')).toEqual([{ name: 'Ann' }]);
  await server.stop();
  await expect(between.query('SELECT 1')).rejects.toThrow(LOST);

  await server.start();
  const after = closing(await database.sql());
  expect(await after.query('SELECT name FROM pet')).toEqual([{ name: 'Ann' }]);
});
