import { Injectable, type Type } from '@nestjs/common';
import { Task, type TaskHandle, type TaskQueue } from 'nestjs-sitq';
import type { StoreKind } from './app/databases/kinds.js';
import type { Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { Recorder } from './app/recorder.plugin.js';
import { startApp, type TestApp } from './app/start-app.js';
import { stores, type StoreOptions } from './app/stores.js';
import { TcpProxy } from './app/tcp-proxy.js';
import { tempStore } from './app/temp-store.js';

/** Neither a poll nor the end of a lease brings anything about here. */
const NEVER = 600_000;
const SOON = { timeout: '50s' } as const;

/** Part of the request that does it. */
type Requests = Record<
  'enqueue' | 'enqueues' | 'enqueueMany' | 'claim' | 'settle' | 'retry' | 'look',
  string
>;
const POSTGRES: Requests = {
  enqueue: 'sitq_insert', // the name of the prepared statement
  enqueues: 'INSERT INTO',
  enqueueMany: 'COMMIT',
  claim: `SET status = 'running'`,
  settle: 'SET status = s.status',
  retry: 'attempt = t.attempt - c.back',
  look: 'SELECT t.id, t.lease, t.status, t.result, t.error',
};
const MYSQL: Requests = {
  enqueue: 'INSERT INTO',
  enqueues: 'INSERT INTO',
  enqueueMany: 'COMMIT',
  claim: 'COMMIT',
  settle: 'COMMIT',
  retry: 'COMMIT',
  look: 'SELECT id, lease, status, result, error',
};

/** One run of the handler `Work.hold`. */
interface Run {
  /** Lets it end; with `fail` its attempt fails. */
  end(how?: 'fail'): void;
}

function workThatHolds(runs: Run[]): Type {
  @Injectable()
  class Work {
    @Task()
    async hold(): Promise<string> {
      const gate = new Gate<'fail' | undefined>();
      runs.push({ end: (how) => gate.open(how) });
      if ((await gate.opened) === 'fail') throw new Error('as it was told');
      return 'held';
    }
  }
  return Work;
}

/** What the reply does. */
type Way = 'is lost' | 'denies it';

/** As MariaDB says it when its disk fails under the log: what it said did not happen may be there. */
const FAILED_COMMIT = mysqlError(1180, 'Got error 5 "Input/output error" during COMMIT');

const kinds = stores().filter((kind) => kind !== 'sqlite');
const cases = kinds.flatMap((kind): [StoreKind, Way][] =>
  kind === 'postgres'
    ? [[kind, 'is lost']]
    : [
        [kind, 'is lost'],
        [kind, 'denies it'],
      ],
);

describe.each(cases)('a reply of %s that %s after the commit, of', (kind, way) => {
  const requests = kind === 'postgres' ? POSTGRES : MYSQL;
  let direct: string;
  let proxy: TcpProxy;
  let sql: Sql;
  let runs: Run[];
  let recorder: Recorder;
  let app: TestApp;
  let queue: TaskQueue;

  beforeEach(async () => {
    const store = await tempStore(kind);
    direct = (store.options as { url: string }).url;
    proxy = await TcpProxy.to(direct);
    sql = await store.sql();
    runs = [];
    await start(NEVER, store.options);
  });
  afterEach(async () => {
    for (const run of runs) run.end();
    await app.close();
    await sql.close();
    proxy.close();
  });

  async function start(pollInterval: number, options: StoreOptions): Promise<void> {
    recorder = new Recorder();
    app = await startApp([workThatHolds(runs)], {
      ...({ ...options, url: proxy.url } as StoreOptions),
      plugins: [recorder],
      worker: { concurrency: 5, pollInterval, lease: NEVER },
    });
    queue = app.queue;
  }

  test.each<[string, number, keyof Requests, () => Promise<unknown>]>([
    ['an enqueue', 1, 'enqueue', () => queue.enqueue('Other.task', [1])],
    ['one with an id', 1, 'enqueue', () => queue.enqueue('Other.task', [1], { id: 'a' })],
    [
      'several at once',
      3,
      'enqueues',
      () => Promise.all([1, 2, 3].map((n) => queue.enqueue('Other.task', [n]))),
    ],
    [
      'enqueueMany',
      3,
      'enqueueMany',
      () => queue.enqueueMany('Other.task', [[1], [2], [3]], { chunkSize: 2 }),
    ],
  ])('%s: it succeeds, and each task is there once', async (_what, tasks, request, enqueue) => {
    await Promise.all([enqueue(), replyMisleads(request)]);
    expect(await stored()).toBe(tasks);
  });

  test('a claim: its tasks run, once', async () => {
    const cut = replyMisleads('claim');
    const tasks = await Promise.all([1, 2, 3].map(() => queue.enqueue('Work.hold')));
    await cut;
    await eventually(async () => runs.length >= tasks.length);
    for (const run of runs) run.end();
    for (const task of tasks) await ranInOneAttempt(task);
    expect(runs).toHaveLength(tasks.length);
  });

  test('the end of a run: it counts', async () => {
    const task = await queue.enqueue('Work.hold');
    await eventually(async () => runs.length === 1);
    const cut = replyMisleads('settle');
    runs[0]!.end();
    await cut;
    await ranInOneAttempt(task);
    expect(runs).toHaveLength(1);
  });

  test('a retry: one attempt follows', async () => {
    const task = await queue.enqueue('Work.hold', [], { backoff: 0 });
    await eventually(async () => runs.length === 1);
    const cut = replyMisleads('retry');
    runs[0]!.end('fail');
    await cut;
    await eventually(async () => runs.length === 2);
    runs[1]!.end();
    expect(await task.result(SOON)).toBe('held');
    expect(await kindsOf(task, 2)).toEqual(['retry', 'completed']);
    expect(await queue.getTask(task.id)).toMatchObject({ status: 'completed', attempt: 2 });
    expect(app.worker.stats()).toMatchObject({ refused: 0, inFlight: 0 });
    expect(runs).toHaveLength(2);
  });

  test.each([undefined, 'fail'] as const)(
    'ends of which one has lost its lease, and the look at that: the others count (%s)',
    async (how) => {
      const [task, lost] = await Promise.all(
        ['good', 'lost'].map((id) => queue.enqueue('Work.hold', [], { id, backoff: '1h' })),
      );
      await eventually(async () => runs.length === 2);
      await sql.run(`UPDATE sitq_task SET lease = lease + 1 WHERE id = 'lost'`);
      const cut = proxy.cutBefore(requests.look);
      for (const run of runs) run.end(how);
      await cut;
      expect(await kindsOf(task!, 1)).toEqual([how ? 'retry' : 'completed']);
      await eventually(async () => app.worker.stats()?.inFlight === 0);
      expect(app.worker.stats()).toMatchObject({ refused: 1 });
      expect(await queue.getTask(lost!.id)).toMatchObject({ status: 'running' });
    },
  );

  test('a retry: the next attempt may begin elsewhere before it is known', async () => {
    const task = await queue.enqueue('Work.hold', [], { backoff: 0 });
    await eventually(async () => runs.length === 1);
    const elsewhere = await startApp([workThatHolds(runs)], {
      ...({ type: kind, url: direct } as StoreOptions),
      worker: { pollInterval: 50, lease: NEVER },
    });
    const cut = replyMisleads('retry');
    proxy.refuse();
    runs[0]!.end('fail');
    await cut;
    proxy.cut();
    await eventually(async () => runs.length === 2);
    await proxy.accept();
    expect(await kindsOf(task, 1)).toEqual(['retry']);
    runs[1]!.end();
    expect(await task.result(SOON)).toBe('held');
    expect(app.worker.stats()).toMatchObject({ refused: 0, inFlight: 0 });
    expect(elsewhere.worker.stats()).toMatchObject({ refused: 0, inFlight: 0 });
    await elsewhere.close();
  });

  if (way === 'denies it') {
    test('the end of a run, for a reason that nobody knows: it counts', async () => {
      const task = await queue.enqueue('Work.hold');
      await eventually(async () => runs.length === 1);
      const denied = proxy.denyAfter(requests.settle, mysqlError(1105, 'Unknown error'));
      runs[0]!.end();
      await denied;
      await ranInOneAttempt(task);
      expect(runs).toHaveLength(1);
    });
  }

  // Elsewhere a claim is several statements, and its client has to be there to commit it.
  if (kind === 'postgres') {
    test('a claim that is done long after its connection has gone: its task runs, once', async () => {
      await app.close();
      await start(100, { type: kind, url: proxy.url });
      const task = await queue.enqueue('Work.hold', [], { delay: 300 });
      await sql.run('BEGIN', 'LOCK TABLE sitq_task IN SHARE MODE'); // claims wait for it
      await eventually(async () => (await waitingForLocks()) === 1);
      proxy.cut();
      await eventually(async () => (await waitingForLocks()) === 2);
      await sql.run('COMMIT');
      await eventually(async () => runs.length > 0);
      for (const run of runs) run.end();
      await ranInOneAttempt(task);
      expect(runs).toHaveLength(1);
    });
  }

  /** Resolves when it has happened to the next request of this kind. */
  function replyMisleads(request: keyof Requests): Promise<void> {
    const text = requests[request];
    return way === 'is lost' ? proxy.cutAfter(text) : proxy.denyAfter(text, FAILED_COMMIT);
  }

  async function ranInOneAttempt(task: TaskHandle): Promise<void> {
    expect(await task.result(SOON)).toBe('held');
    expect(await kindsOf(task, 1)).toEqual(['completed']);
    expect(await queue.getTask(task.id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(app.worker.stats()).toMatchObject({ refused: 0, inFlight: 0 });
  }

  async function kindsOf(task: TaskHandle, count: number): Promise<string[]> {
    return (await recorder.outcomes(task, count)).map((outcome) => outcome.kind);
  }

  async function stored(): Promise<number> {
    const [row] = await sql.query<{ tasks: number }>('SELECT count(*) AS tasks FROM sitq_task');
    return row!.tasks;
  }

  async function waitingForLocks(): Promise<number> {
    const [row] = await sql.query<{ waiting: number }>(
      `SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND relation = 'sitq_task'::regclass`,
    );
    return row!.waiting;
  }
});

/** A packet of the protocol: the first reply to a request. */
function mysqlError(number: number, text: string): Buffer {
  const body = Buffer.concat([
    Buffer.of(0xff, number & 0xff, number >> 8),
    Buffer.from(`#HY000${text}`),
  ]);
  return Buffer.concat([Buffer.of(body.length, 0, 0, 1), body]);
}
