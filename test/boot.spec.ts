import { ConfigurationError, sitqSchema, TaskQueue, TypeOrmBackend } from 'nestjs-sitq';
import { statSync } from 'node:fs';
import { DataSource } from 'typeorm';
import type { StoreKind } from './app/databases/kinds.js';
import { effort } from './app/effort.js';
import { Scene } from './app/processes/scene.js';
import { createStore, stores, type Store } from './app/stores.js';

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  let scene: Scene;
  beforeEach(async () => {
    store = await createStore(kind);
    scene = new Scene(store);
  });
  afterEach(() => scene.close());

  test('many processes that boot at once on an empty store all come up', async () => {
    const names = Array.from({ length: effort(8, 20) }, (_, n) => `boot-${n}`);
    const children = names.map((name) => scene.worker(name, {}, { waitForGo: true }));
    await Promise.all(children.map((child) => child.said('loaded')));
    for (const child of children) child.go();
    await Promise.all(children.map((child) => child.ready()));

    const sql = await scene.connect();
    expect(await sql.query('SELECT name FROM sitq_migration')).toEqual(
      sitqSchema({ type: kind }).migrations.map(({ name }) => ({ name })),
    );
    expect(await sql.query('SELECT id FROM sitq_worker')).toHaveLength(children.length);
    expect(children.map(({ output }) => output).join('')).toBe('');
    const queue = await scene.queue();
    const task = await queue.enqueue('ProcessTasks.work', [0]);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ task: task.id });
  });

  test('a process that meets a newer schema refuses', async () => {
    await scene.open();
    const sql = await scene.connect();
    await sql.run(
      `INSERT INTO sitq_migration (timestamp, name) VALUES (4102444800000, 'AddTheFuture4102444800000')`,
    );
    const boot = scene.open();
    await expect(boot).rejects.toThrow(ConfigurationError);
    await expect(boot).rejects.toThrow(/newer.*AddTheFuture4102444800000.*Update nestjs-sitq/);
  });

  describe('migrate: false', () => {
    test('refuses an empty store and tells what to do', async () => {
      const boot = scene.open({ migrate: false });
      await expect(boot).rejects.toThrow(ConfigurationError);
      await expect(boot).rejects.toThrow(
        /lack the migrations CreateTables.*sitqSchema.*migrate: true/,
      );
      expect(await tables()).toEqual([]);
    });

    test('works on tables that were migrated by hand', async () => {
      const dataSource = await openDataSource();
      await dataSource.runMigrations();
      await dataSource.destroy();
      const app = await scene.open({ migrate: false });
      await app.get(TaskQueue).enqueue('Any.task', [], { id: 'a' });
      expect(await app.get(TaskQueue).getTask('a')).toMatchObject({ status: 'queued' });
    });
  });

  describe('the schema', () => {
    test('goes down and up again', async () => {
      const dataSource = await openDataSource();
      await dataSource.runMigrations();
      for (const _ of sitqSchema({ type: kind }).migrations) await dataSource.undoLastMigration();
      expect(await tables()).toEqual(['sitq_migration']);
      await dataSource.destroy();

      const queue = await scene.queue();
      await queue.enqueue('Any.task', [], { id: 'a' });
      expect(await queue.getTask('a')).toMatchObject({ status: 'queued' });
    });

    test('is what the entities say', async () => {
      await scene.open();
      const dataSource = await openDataSource();
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      await dataSource.destroy();
      expect(upQueries.map(({ query }) => query)).toEqual([]);
    });
  });

  test('backends of one process may open one store at the same time', async () => {
    const backends = [1, 2, 3].map(() => new TypeOrmBackend(store.options));
    await Promise.all(backends.map((backend) => backend.open()));
    await Promise.all(backends.map((backend) => backend.close()));
  });

  function openDataSource(): Promise<DataSource> {
    const { options } = store;
    const connection =
      'database' in options ? { ...options, type: 'better-sqlite3' as const } : options;
    return new DataSource({ ...connection, ...sitqSchema({ type: kind }) }).initialize();
  }

  async function tables(): Promise<string[]> {
    const sql = await scene.connect();
    const rows = await sql.query<{ name: string }>(TABLES[kind]);
    return rows.map(({ name }) => name);
  }
});

const OF_DATABASE = 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema =';
/** The names of the tables that there are. */
const TABLES: Readonly<Record<StoreKind, string>> = {
  sqlite: `SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'`,
  postgres: `${OF_DATABASE} current_schema()`,
  mysql: `${OF_DATABASE} database()`,
  mariadb: `${OF_DATABASE} database()`,
};

test('a file is created for its owner alone', async () => {
  const scene = new Scene();
  await scene.open();
  expect(statSync(scene.database).mode & 0o777).toBe(0o600);
  await scene.close();
});

describe('a schema and a prefix of their own on PostgreSQL', () => {
  const own = { schema: 'own', tablePrefix: 'q_' };
  let store: Store;
  beforeEach(async () => void (store = await createStore('postgres')));
  afterEach(() => store.drop());

  /** Opens and closes so many backends at once. */
  async function boot(count: number, options: object): Promise<void> {
    const backends = Array.from({ length: count }, () => new TypeOrmBackend(options));
    await Promise.all(backends.map((backend) => backend.open()));
    await Promise.all(backends.map((backend) => backend.close()));
  }

  test('are made once when many boot at once', async () => {
    await boot(10, { ...store.options, ...own });
    const sql = await store.sql();
    const tables = await sql.query(
      `SELECT table_schema AS schema FROM information_schema.tables WHERE table_name = 'q_task'`,
    );
    await sql.close();
    expect(tables).toEqual([{ schema: 'own' }]);
  });

  test('need no right to create schemas where there is one', async () => {
    const sql = await store.sql();
    const role = `sitq_${Date.now().toString(36)}`;
    await sql.run(
      `CREATE ROLE ${role} LOGIN PASSWORD 'password'`,
      `CREATE SCHEMA own AUTHORIZATION ${role}`,
    );
    const url = new URL((store.options as { url: string }).url);
    url.username = role;
    url.password = 'password';
    await boot(2, { type: 'postgres', url: String(url), ...own });
    await sql.run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
    await sql.close();
  });
});
