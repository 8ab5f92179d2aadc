import { Injectable } from '@nestjs/common';
import { SitqModule, Task, type TypeOrmBackend } from 'nestjs-sitq';
import type { StoreKind } from './app/databases/kinds.js';
import type { Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { runCli } from './app/run-cli.js';
import { compileModule, type TestApp } from './app/start-app.js';
import { createStore, stores, type Store } from './app/stores.js';

@Injectable()
class Strange {
  @Task({ attempts: 2, backoff: 1 })
  run(...names: string[]): string {
    return `ran for ${names.join()}`;
  }

  @Task({ attempts: 2, backoff: 1 })
  fail(): never {
    throw new Error('boom');
  }
}

/** What somebody wrote into a row, as SQL, and what becomes of the task. */
type Row = readonly [columns: Readonly<Record<string, string>>, end: string];

const RUNS = 'success: "ran for Ann"';
const BOOM = 'failed: boom';
const LOST = 'failed: Worker nobody died or lost its lease during attempt';
const NO_ARGUMENTS = 'failed: The column payload of the task';
const WAITS = 'pending';

const FAIL = { name: `'Strange.fail'` };
const RUNNING = {
  status: `'running'`,
  attempt: '1',
  lease: '1',
  max_attempts: '2',
  worker_id: `'nobody'`,
  started_at: '1000',
};
const LOWEST = '-9223372036854775808';
const HIGHEST = '9223372036854775807';
const NO_JSON = [`'no json'`, `'{'`, `''`, `'5'`, `'null'`, `'[]'`, `'{}'`, `'"text"'`];
const NO_ERROR = [`'{"code": "SITQ_WORKER_LOST", "message": "cut'`, `'{"message": 5}'`, ...NO_JSON];

const EVERYWHERE: readonly Row[] = [
  ...[`'30s'`, `'{"type":"never"}'`, `'{"type":"fixed","delay":-5}'`, ...NO_JSON].flatMap(
    (backoff): Row[] => [
      [{ backoff }, RUNS],
      [{ backoff, ...FAIL, max_attempts: '1' }, BOOM],
    ],
  ),
  [{ backoff: `'no json'`, ...FAIL }, BOOM],
  ...NO_JSON.map((meta): Row => [{ meta }, RUNS]),
  ...NO_ERROR.flatMap((error): Row[] => [
    [{ error }, RUNS],
    [{ ...RUNNING, error }, RUNS],
  ]),
  ...NO_JSON.filter((text) => text !== `'[]'`).map((payload): Row => [
    { payload, max_attempts: '1' },
    NO_ARGUMENTS,
  ]),
  [{ payload: `'[]'` }, 'success: "ran for "'],
  ...NO_JSON.map((result): Row => [{ result }, RUNS]),
  [{ priority: '-32768' }, RUNS],
  [{ priority: '32767' }, RUNS],
  [{ eta: LOWEST }, RUNS],
  [{ eta: HIGHEST }, WAITS],
  [{ attempt: '-5', lease: '-5' }, RUNS],
  [{ attempt: '7', max_attempts: '3' }, RUNS],
  [{ attempt: '2147483647' }, RUNS],
  [{ lease: '2147483647' }, RUNS],
  [{ max_attempts: '0', ...FAIL }, BOOM],
  [{ max_attempts: '-1', ...FAIL }, BOOM],
  [{ timeout: '0' }, RUNS],
  [{ timeout: '-1' }, RUNS],
  [{ timeout: HIGHEST }, RUNS],
  [{ created_at: LOWEST }, RUNS],
  [{ created_at: HIGHEST }, RUNS],
  [{ cancel_requested_at: '5' }, RUNS],
  [{ started_at: LOWEST, finished_at: HIGHEST, worker_id: `'nobody'` }, RUNS],
  [{ attempt: '1', lease: '1', finished_at: '2000', error: `'{"message":"old"}'` }, RUNS],
  [RUNNING, RUNS],
  [{ ...RUNNING, worker_id: 'NULL' }, RUNS],
  [{ ...RUNNING, worker_id: `'no"body\\\\'` }, RUNS],
  [{ ...RUNNING, max_attempts: 'NULL' }, LOST],
  [{ ...RUNNING, attempt: '9' }, LOST],
  [{ ...RUNNING, attempt: '9', error: `'no json'` }, LOST],
  [{ ...RUNNING, finished_at: '2000' }, RUNS],
  [{ ...RUNNING, started_at: LOWEST, created_at: HIGHEST }, RUNS],
  [{ status: `'paused'` }, WAITS],
];

/** A column takes any type. */
const SQLITE: readonly Row[] = [
  ...[`'high'`, `x'ff'`, `1.5`, `1e300`, `-1e300`, `100000`, `-100000`].map((priority): Row => [
    { priority },
    RUNS,
  ]),
  [{ priority: HIGHEST }, RUNS],
  [{ eta: '1.5' }, RUNS],
  [{ eta: `'soon'`, queue: `'soon'` }, RUNS],
  [{ eta: `x'ff'`, queue: `'blob'` }, RUNS],
  [{ queue: `x'ff'` }, RUNS],
  ...[`'abc'`, `x'ff'`, '1.5', '9007199254740993', HIGHEST].flatMap((number): Row[] => [
    [{ attempt: number }, RUNS],
    [{ lease: number }, RUNS],
    [{ timeout: number }, RUNS],
    [{ created_at: number }, RUNS],
    [{ finished_at: number }, RUNS],
    [{ cancel_requested_at: number }, RUNS],
    [{ ...RUNNING, started_at: number }, RUNS],
    [{ ...RUNNING, lease: number }, RUNS],
  ]),
  [{ max_attempts: `'abc'`, ...FAIL }, BOOM],
  [{ ...RUNNING, max_attempts: `'abc'` }, LOST],
  [{ ...RUNNING, attempt: `'abc'` }, LOST],
  [{ payload: `x'5b22416e6e225d'` }, RUNS],
  [{ meta: `x'ff'`, backoff: `x'ff'`, error: `x'ff'`, result: `x'ff'` }, RUNS],
  [{ ...RUNNING, started_at: 'NULL' }, RUNS],
];
const MYSQL: readonly Row[] = [[{ ...RUNNING, started_at: 'NULL' }, RUNS]];

const ROWS: Readonly<Record<StoreKind, readonly Row[]>> = {
  sqlite: [...EVERYWHERE, ...SQLITE],
  postgres: EVERYWHERE,
  mysql: [...EVERYWHERE, ...MYSQL],
  mariadb: [...EVERYWHERE, ...MYSQL],
};

describe.each(stores())('on %s', (kind) => {
  const rows = ROWS[kind].map((row, i) => [`strange-${i}`, ...row] as const);
  let store: Store;
  let sql: Sql;
  let app: TestApp;

  beforeAll(async () => {
    store = await createStore(kind);
    sql = await store.sql();
    app = await start(false);
    await app.close();
    for (const [id, columns] of rows) await insert(id, columns);
    for (let i = 0; i < 20; i += 1) await insert(`sound-${i}`, i % 2 === 0 ? {} : RUNNING);
    app = await start({ lease: '2s', pollInterval: 100, concurrency: 7 });
  });
  afterAll(async () => {
    await app.close();
    await sql.close();
    await store.drop();
  });

  test('what is enqueued beside strange rows is acknowledged and runs', async () => {
    const handles = await Promise.all(
      Array.from({ length: 30 }, (_, i) => app.queue.enqueue('Strange.run', [`new ${i}`])),
    );
    for (const { id } of handles) expect(await endOf(id)).toMatch(/^success/);
  });

  test('sound tasks run, also those of a worker that is lost', async () => {
    for (let i = 0; i < 20; i += 1) expect(await endOf(`sound-${i}`)).toBe(RUNS);
  });

  test.each(rows)('%s, %p: %s', async (id, _, end) => {
    expect(await endOf(id, end === WAITS)).toContain(end);
    expect(await app.queue.getTask(id)).toMatchObject({ id });
    expect(await app.queue.explain(id)).toMatchObject({ state: expect.any(String) });
    expect(await app.queue.getLog(id)).toEqual([]);
  });

  test('all of them are counted as what they are', async () => {
    const ended = rows.filter(([, , end]) => end !== WAITS);
    await Promise.all(ended.map(([id]) => endOf(id)));
    const { completed, failed, queued, running, scheduled } = await app.queue.counts();
    const strange = { failed: ended.filter(([, , end]) => end.startsWith('failed')).length };
    expect({ failed, running }).toEqual({ ...strange, running: 0 });
    expect(completed).toBeGreaterThanOrEqual(ended.length - failed + 20);
    expect(queued).toBeGreaterThanOrEqual(scheduled);
  });

  test('the doctor lists some of them', async () => {
    await insert('told', { status: `'nowhere'`, backoff: `'30s'` });
    const target =
      'url' in store.options
        ? ['--url', store.options.url]
        : ['--database', store.options.database];
    const { out } = await runCli(['doctor', '--json', ...target]);
    const { findings } = JSON.parse(out) as {
      findings: { check: string; state: string; lines: string[] }[];
    };
    const rowsFinding = findings.find(({ check }) => check === 'rows')!;
    expect(rowsFinding.state).toBe('warning');
    expect(rowsFinding.lines.length).toBe(20);
    await sql.run(`DELETE FROM sitq_task WHERE id LIKE 'strange%'`);
    const after = await runCli(['doctor', ...target]);
    expect(after.out).toContain('told: an unknown status');
  });

  test('a progress that is none is not shown', async () => {
    const handle = await app.queue.enqueue('Strange.run', ['Ann']);
    await handle.result();
    const task = `FROM sitq_task WHERE id = '${handle.id}'`;
    await sql.run(
      `INSERT INTO sitq_progress (task_seq, task_id, task_created_at, value)
       SELECT seq, id, created_at, 'no json' ${task}`,
    );
    expect(await app.queue.getTask(handle.id)).toMatchObject({ progress: null });
  });

  test('a worker whose row is none of ours is listed and taken for lost', async () => {
    const columns = `id, host, pid, process_identity, queues, handlers, limits, lingering, lease, expires_at, started_at`;
    const worker = (id: string, lease: string, expires: string) =>
      `INSERT INTO sitq_worker (${columns})
       VALUES ('${id}', '', -1, 'x', '{', 'no json', '5', 'null', ${lease}, ${expires}, 5)`;
    await sql.run(worker('odd', '-1', HIGHEST), worker('lost', '1', '5'));
    const listed = await app.queue.workers();
    expect(listed.map(({ id }) => id)).toContain('odd');
    await eventually(async () => !(await app.queue.workers()).some(({ id }) => id === 'lost'));
    await insert('of the lost', RUNNING);
    expect(await endOf('of the lost')).toBe(RUNS);
  });

  async function start(worker: object | false): Promise<TestApp> {
    const imports = [SitqModule.forRoot({ ...store.options, worker: worker as object })];
    const started = await compileModule({ imports, providers: worker ? [Strange] : [] });
    await started.module.init();
    return started;
  }

  function insert(id: string, columns: Readonly<Record<string, string>>): Promise<void> {
    const row: Record<string, string> = {
      id: `'${id}'`,
      name: `'Strange.run'`,
      queue: `'default'`,
      payload: `'["Ann"]'`,
      eta: '1000',
      created_at: '1000',
      ...columns,
    };
    return sql.run(
      `INSERT INTO sitq_task (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')})`,
    );
  }

  /** The result of a task in a line. */
  async function endOf(id: string, now = false): Promise<string> {
    const result = await app.queue.getResult(id, { timeout: now ? 0 : 30_000 });
    if (!result) return (await (app.queue.backend as TypeOrmBackend).getResult(id))!.status;
    return `${result.status}: ${result.value ?? result.error}`;
  }
});
