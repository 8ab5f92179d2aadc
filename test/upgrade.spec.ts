import { ConfigurationError, sitqSchema, TaskQueue } from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { Scene } from './app/processes/scene.js';
import { createStore, stores, type Store } from './app/stores.js';

const MIGRATIONS = sitqSchema().migrations.map(({ name }) => name);
const HOUR = 3_600_000;

describe.each(stores())('tables of the first version on %s', (kind) => {
  let store: Store;
  let scene: Scene;
  beforeEach(async () => {
    store = await createStore(kind);
    scene = new Scene(store);
    const dataSource = await openDataSource(1);
    await dataSource.runMigrations();
    await dataSource.destroy();
  });
  afterEach(() => scene.close());

  test('are refused by migrate: false, and stay as they are', async () => {
    const boot = scene.open({ migrate: false });
    await expect(boot).rejects.toThrow(ConfigurationError);
    await expect(boot).rejects.toThrow(
      `The tables of sitq lack the migrations ${MIGRATIONS.slice(1).join(', ')} and migrate is false.`,
    );
    expect(await applied()).toEqual(MIGRATIONS.slice(0, 1));
  });

  test('are upgraded with the tasks in them', async () => {
    await fill();
    const queue = (await scene.open()).get(TaskQueue);
    expect(await applied()).toEqual(MIGRATIONS);

    expect(await queue.getTask('waits')).toMatchObject({ status: 'queued', args: ['Ann'] });
    expect(await queue.getResult('done')).toMatchObject({ status: 'success', value: '42' });
    expect(await queue.getTask('runs')).toMatchObject({ status: 'running', workerId: 'old' });
    expect(await queue.workers()).toEqual([
      {
        id: 'old',
        alive: true,
        host: 'here',
        pid: 1,
        version: null,
        queues: null,
        handlers: ['Any.task'],
        limits: {},
        concurrency: null,
        inFlight: 1,
        running: { 'Any.task': 1 },
        stuck: 0,
        loopLag: null,
        startedAt: new Date(1000),
        lastBeatAt: expect.any(Date),
        leaseExpiresAt: expect.any(Date),
      },
    ]);
    expect(await queue.explain('waits')).toMatchObject({
      reason: 'ready',
      workers: [{ id: 'old' }],
    });

    const [reserved] = await queue.backend.reserveTask('new', { maxTasks: 9 });
    expect(reserved).toMatchObject({ id: 'waits', payload: '["Ann"]', attempt: 1 });
    const { id } = await queue.enqueue('Any.task');
    expect((await queue.getTask(id))?.status).toBe('queued');
  });

  test('keep what tasks have reported, and give nothing to a task that has not begun', async () => {
    await fill();
    const sql = await scene.connect();
    const seqOf = (id: string) => `(SELECT seq FROM sitq_task WHERE id = '${id}')`;
    for (const id of ['waits', 'runs']) {
      await sql.run(
        `INSERT INTO sitq_progress (task_seq, value) VALUES (${seqOf(id)}, '50')`,
        `INSERT INTO sitq_log (task_seq, attempt, at, line) VALUES (${seqOf(id)}, 1, 1000, 'own')`,
        `INSERT INTO sitq_log (task_seq, attempt, at, line) VALUES (${seqOf(id)}, 1, 999, 'old')`,
      );
    }
    const queue = (await scene.open()).get(TaskQueue);
    expect(await queue.getTask('runs')).toMatchObject({ progress: 50 });
    expect(await queue.getLog('runs')).toMatchObject([{ line: 'own' }]);
    expect(await queue.getTask('waits')).toMatchObject({ progress: null });
  });

  test('serve processes of both versions while a deploy is under way', async () => {
    const queue = (await scene.open()).get(TaskQueue);
    await register('old');
    const sql = await scene.connect();
    await sql.run(`UPDATE sitq_worker SET lease = 1000, in_flight = 1, stuck = 1 WHERE id = 'old'`);
    expect(await queue.workers()).toMatchObject([{ id: 'old', version: null, stuck: 1 }]);
  });

  test('go back to what they were', async () => {
    const columns = await columnsOfWorkers();
    const dataSource = await openDataSource(MIGRATIONS.length);
    await dataSource.runMigrations();
    expect(await columnsOfWorkers()).not.toEqual(columns);
    await fill();
    for (const _ of MIGRATIONS.slice(1)) await dataSource.undoLastMigration();
    await dataSource.destroy();
    expect(await columnsOfWorkers()).toEqual(columns);
    expect(await applied()).toEqual(MIGRATIONS.slice(0, 1));
    const queue = (await scene.open()).get(TaskQueue);
    expect(await queue.counts()).toMatchObject({ queued: 1, running: 1, completed: 1 });
  });

  /** With only the first so many migrations, as a version of that time. */
  function openDataSource(migrations: number): Promise<DataSource> {
    const { options } = store;
    const connection =
      'database' in options ? { ...options, type: 'better-sqlite3' as const } : options;
    const schema = sitqSchema({ type: kind });
    return new DataSource({
      ...connection,
      ...schema,
      migrations: schema.migrations.slice(0, migrations),
    }).initialize();
  }

  async function applied(): Promise<string[]> {
    const sql = await scene.connect();
    const rows = await sql.query<{ name: string }>('SELECT name FROM sitq_migration ORDER BY id');
    return rows.map(({ name }) => name);
  }

  async function columnsOfWorkers(): Promise<string[]> {
    await register('any');
    const sql = await scene.connect();
    const [row] = await sql.query<object>('SELECT * FROM sitq_worker');
    await sql.run('DELETE FROM sitq_worker');
    return Object.keys(row!);
  }

  /** As the first version does it. */
  async function register(id: string): Promise<void> {
    const sql = await scene.connect();
    await sql.run(
      `INSERT INTO sitq_worker
         (id, host, pid, process_identity, queues, handlers, lease, expires_at, in_flight, stuck, started_at)
       VALUES ('${id}', 'here', 1, NULL, NULL, '["Any.task"]', ${HOUR}, ${Date.now() + HOUR}, 1, 0, 1000)`,
    );
  }

  /** One task that waits, one that runs, one that is done. */
  async function fill(): Promise<void> {
    await register('old');
    const sql = await scene.connect();
    const common = `'Any.task', 'default', 1000, 1000`;
    await sql.run(
      `INSERT INTO sitq_task (id, name, queue, eta, created_at, payload)
       VALUES ('waits', ${common}, '["Ann"]')`,
      `INSERT INTO sitq_task (id, name, queue, eta, created_at, payload, status, attempt, lease,
         max_attempts, worker_id, started_at)
       VALUES ('runs', ${common}, '[]', 'running', 1, 1, 3, 'old', 1000)`,
      `INSERT INTO sitq_task (id, name, queue, eta, created_at, payload, status, attempt, lease,
         max_attempts, started_at, finished_at, result)
       VALUES ('done', ${common}, '[]', 'completed', 1, 1, 3, 1000, 2000, '42')`,
    );
  }
});
