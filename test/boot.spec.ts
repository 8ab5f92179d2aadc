import { ConfigurationError, sitqSchema, TaskQueue, TypeOrmBackend } from 'nestjs-sitq';
import { statSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { Scene } from './app/processes/scene.js';

let scene: Scene;
beforeEach(() => void (scene = new Scene()));
afterEach(() => scene.close());

test('twenty processes that boot at once on an empty file all come up', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `boot-${n}`);
  const children = names.map((name) => scene.worker(name, {}, { waitForGo: true }));
  await Promise.all(children.map((child) => child.said('loaded')));
  for (const child of children) child.go();
  await Promise.all(children.map((child) => child.ready()));

  const db = scene.sql();
  expect(db.prepare('SELECT name FROM sitq_migration').pluck().all()).toEqual(
    sitqSchema().migrations.map(({ name }) => name),
  );
  expect(db.prepare('SELECT count(*) FROM sitq_worker').pluck().get()).toBe(children.length);
  expect(children.map(({ output }) => output).join('')).toBe('');
  const queue = await scene.queue();
  const task = await queue.enqueue('ProcessTasks.work', [0]);
  expect(await task.result({ timeout: '5s' })).toMatchObject({ task: task.id });
});

test('the file is created for its owner alone', async () => {
  await scene.open();
  expect(statSync(scene.database).mode & 0o777).toBe(0o600);
});

test('a process that meets a newer schema refuses', async () => {
  await scene.open();
  scene
    .sql()
    .prepare('INSERT INTO sitq_migration (timestamp, name) VALUES (?, ?)')
    .run(4102444800000, 'AddTheFuture4102444800000');
  const boot = scene.open();
  await expect(boot).rejects.toThrow(ConfigurationError);
  await expect(boot).rejects.toThrow(/newer.*AddTheFuture4102444800000.*Update nestjs-sitq/);
});

describe('migrate: false', () => {
  test('refuses an empty file and tells what to do', async () => {
    const boot = scene.open({ migrate: false });
    await expect(boot).rejects.toThrow(ConfigurationError);
    await expect(boot).rejects.toThrow(
      /lack the migrations CreateTables.*sitqSchema.*migrate: true/,
    );
    const tables = scene.sql().prepare('SELECT name FROM sqlite_master').all();
    expect(tables).toEqual([]);
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
    for (const _ of sitqSchema().migrations) await dataSource.undoLastMigration();
    const left: { name: string }[] = await dataSource.query(
      `SELECT name FROM sqlite_master WHERE name LIKE 'sitq\\_%' ESCAPE '\\'`,
    );
    expect(left.map(({ name }) => name)).toEqual(['sitq_migration']);
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

test('two backends of one process may open one file at the same time', async () => {
  const backends = [1, 2, 3].map(() => new TypeOrmBackend({ database: scene.database }));
  await Promise.all(backends.map((backend) => backend.open()));
  await Promise.all(backends.map((backend) => backend.close()));
});

function openDataSource(): Promise<DataSource> {
  const { database } = scene;
  return new DataSource({ type: 'better-sqlite3', database, ...sitqSchema() }).initialize();
}
