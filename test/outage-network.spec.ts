import { Injectable } from '@nestjs/common';
import {
  BackendError,
  SitqModule,
  Task,
  TaskQueue,
  TypeOrmBackend,
  type SitqOptions,
} from 'nestjs-sitq';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { findPgbouncer, Pgbouncer } from './app/databases/pgbouncer.js';
import { connect, type Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { Child } from './app/processes/child.js';
import type { Receipt } from './app/processes/protocol.js';
import { Scene } from './app/processes/scene.js';
import { compileModule, Lines, type TestApp } from './app/start-app.js';
import { createStore, stores, type Store, type StoreOptions } from './app/stores.js';
import { TcpProxy } from './app/tcp-proxy.js';

/** What an enqueue may take at worst, and a little for a busy machine, in ms. */
const LONGEST_ENQUEUE = 16_000;
/** How long closing may take beyond the shutdown timeout when the server is silent, in ms. */
const LONGEST_CLOSE = 12_000;
/** After so long a look at a silent server fails at the earliest, in ms. */
const SHORTEST_GIVING_UP = 5000;
/** So long that whatever comes in time did not come by polling. */
const NO_POLL = 60_000;
const SOON = { timeout: '50s' } as const;
const LEASE = 2000;

@Injectable()
class Work {
  @Task()
  do(value: number): number {
    return value;
  }
}

type ServerStore = Store & { readonly options: { readonly url: string } };

/** What a case uses, which all goes when it is over: the cases of this file run side by side. */
class Stage {
  private readonly closers: (() => unknown)[] = [];

  static async with(kind: Store['kind'], play: (stage: Stage) => Promise<void>): Promise<void> {
    const stage = new Stage((await createStore(kind)) as ServerStore);
    try {
      await play(stage);
    } finally {
      for (const close of stage.closers.toReversed()) await close();
      await stage.store.drop();
    }
  }

  private constructor(readonly store: ServerStore) {}

  afterwards(close: () => unknown): void {
    this.closers.push(close);
  }

  async proxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.to(this.store.options.url);
    this.afterwards(() => proxy.close());
    return proxy;
  }

  options(url = this.store.options.url): StoreOptions {
    return { ...this.store.options, url };
  }

  /** An application in this process; it only enqueues unless the options say otherwise. */
  async open(url?: string, more: SitqOptions = {}): Promise<TestApp> {
    const options = { ...this.options(url), worker: false, ...more } as SitqOptions;
    const app = await compileModule({ imports: [SitqModule.forRoot(options)], providers: [Work] });
    await app.module.init();
    this.afterwards(() => app.close());
    return app;
  }

  /** A backend with a log of its own: that of Nest is one for all applications. */
  backend(url: string) {
    const lines = new Lines();
    const backend = new TypeOrmBackend({ ...this.options(url), logger: lines } as never);
    this.afterwards(() => backend.close());
    return { backend, lines };
  }

  async sql(url = this.store.options.url): Promise<Sql> {
    const sql = await connect(this.store.kind as never, url);
    this.afterwards(() => sql.close().catch(() => undefined));
    return sql;
  }

  /** Processes and the files that they write. */
  scene(): Scene {
    const scene = new Scene({ ...this.store, drop: async () => undefined });
    this.afterwards(() => scene.close());
    return scene;
  }
}

type Case = readonly [title: string, play: (stage: Stage) => Promise<void>];
/** Side by side, the longest first: they mostly wait. */
const CASES: readonly Case[] = [
  ['that is not there at boot is waited for, and missed by name in the end', isNotThereAtBoot],
  ['that falls silent fails enqueues in time, and serves the same queue afterwards', isSilent],
  ['that falls silent does not hold up those who close', isSilentAtClose],
  ['that falls silent while a look at it is under way does not hold up closing', isSilentAtALook],
  [
    'that is away for longer than the lease costs no second run, whoever comes back first',
    isAwayForLongerThanTheLease,
  ],
  ['that hands on all tasks of a worker but one that is locked loses none', stepsOverALockedTask],
  ['that finds a deadlock: what it refused is done again inside', findsADeadlock],
  [
    'without a connection to spare fails enqueues in time, and not those afterwards',
    hasNoConnectionToSpare,
  ],
];
/** Where a claim is one statement, or the connection that listens another one. */
const ONLY_POSTGRES: readonly Case[] = [
  [
    'whose reply to a claim comes after the lease starts nothing that another worker has',
    repliesAfterTheLease,
  ],
  [
    'of which only the connection that listens falls silent is polled, then heard again',
    isSilentWhereItListens,
  ],
];

const kinds = stores().filter((kind) => kind !== 'sqlite');

describe.each(kinds)('a server (%s)', (kind) => {
  const cases = kind === 'postgres' ? [...CASES, ...ONLY_POSTGRES] : CASES;
  test.concurrent.each(cases)('%s', (_title, play) => Stage.with(kind, play));
});

async function isNotThereAtBoot(stage: Stage): Promise<void> {
  const proxy = await stage.proxy();
  proxy.refuse();
  const url = new URL(proxy.url);
  url.password = 'secret';
  const { backend, lines } = stage.backend(String(url));
  const failure = await backend.open().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(BackendError);
  expect(failure).toMatchObject({ transient: true });
  const { host, pathname } = url;
  expect(String(failure)).toContain(`The database ${host}${pathname} cannot be opened`);
  expect(String(failure)).toContain('ECONNREFUSED');
  expect(lines.all).toHaveLength(1);
  expect(lines.all[0]).toContain(`warn The database ${host}${pathname} cannot be opened`);
  expect(lines.all[0]).toContain('It is tried again for 30 s.');
  expect(inspect({ failure, lines }, { depth: 10 })).not.toContain('secret');
}

async function isSilent(stage: Stage): Promise<void> {
  const proxy = await stage.proxy();
  const { queue } = await stage.open(proxy.url, { worker: { pollInterval: 200 } });
  await queue.for(Work).do(0);
  proxy.freeze();
  const refusals = [1, 2, 3].map(async (n) => {
    await sleep(n * 500); // while another one waits already
    return refusalOf(queue);
  });
  for (const { error, ms } of await Promise.all(refusals)) {
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ transient: true });
    expect(ms).toBeLessThan(LONGEST_ENQUEUE);
  }
  proxy.thaw();
  expect(await (await queue.for(Work).do(4)).result(SOON)).toBe(4);
}

async function isSilentAtClose(stage: Stage): Promise<void> {
  const proxy = await stage.proxy();
  const scene = stage.scene();
  const shutdownTimeout = 1000;
  const more = { store: stage.options(proxy.url) };
  const [idle, busy] = await Promise.all(
    ['idle', 'busy'].map((name) => scene.worker(name, { shutdownTimeout }, more).ready()),
  );
  const { queue } = await stage.open();
  const tasks = await Promise.all([1, 2, 3].map(() => queue.enqueue('ProcessTasks.hold')));
  await Promise.all(tasks.map(({ id }) => startedBy([idle!, busy!], id)));
  proxy.freeze();
  const began = Date.now();
  busy!.kill('SIGTERM');
  idle!.ask('close').catch(() => undefined); // it is gone before it answers
  expect(await busy!.exit).toEqual({ code: null, signal: 'SIGTERM' });
  expect(await idle!.exit).toEqual({ code: 0, signal: null });
  expect(Date.now() - began).toBeLessThan(shutdownTimeout + LONGEST_CLOSE);
  console.log(stage.store.kind, { closedAfter: Date.now() - began });
}

async function isSilentAtALook(stage: Stage): Promise<void> {
  const proxy = await stage.proxy();
  const { backend } = stage.backend(proxy.url);
  await backend.open();
  backend.onChange(() => undefined);
  proxy.freeze();
  await proxy.held;
  const began = Date.now();
  await backend.close();
  expect(Date.now() - began).toBeLessThan(SHORTEST_GIVING_UP);
}

async function isSilentWhereItListens(stage: Stage): Promise<void> {
  const proxy = await stage.proxy();
  const { queue } = await stage.open();
  const { backend, lines } = stage.backend(proxy.url);
  await backend.open();
  await stage.open(proxy.url, { worker: { pollInterval: 300 } });
  proxy.freeze('LISTEN');
  const told = () => lines.all.filter((line) => line.includes('wake this one'));
  await eventually(async () => told().length === 1);
  expect(await (await queue.enqueue('Work.do', [1])).result(SOON)).toBe(1);
  proxy.thaw();
  await eventually(async () => told().length === 2);
  expect(told()).toEqual([
    expect.stringMatching(/^warn .*cannot wake this one .the connection does not hear any more/),
    expect.stringMatching(/^log Other processes wake this one again/),
  ]);
}

async function isAwayForLongerThanTheLease(stage: Stage): Promise<void> {
  const scene = stage.scene();
  const { queue } = await stage.open();
  const workers: Child[] = [];
  const proxies: TcpProxy[] = [];
  const tasks: { id: string; result(options: typeof SOON): Promise<unknown> }[] = [];
  for (const name of ['first', 'second']) {
    const proxy = await stage.proxy();
    const options = { concurrency: 1, lease: LEASE, pollInterval: NO_POLL };
    const more = { store: stage.options(proxy.url) };
    const worker = await scene.worker(name, options, more).ready();
    const task = await queue.enqueue<Receipt>('ProcessTasks.hold');
    await worker.handler('start', task.id); // and is full
    proxies.push(proxy);
    workers.push(worker);
    tasks.push(task);
  }
  for (const proxy of proxies) {
    proxy.refuse();
    proxy.cut();
  }
  await sleep(2 * LEASE); // what the case is about
  const [first, second] = proxies as [TcpProxy, TcpProxy];
  await first.accept();
  await sleep(0.7 * LEASE); // the first one could have looked for lost tasks by now
  await second.accept();
  for (const [i, task] of tasks.entries()) {
    await workers[i]!.ask('release', task.id);
    expect(await task.result(SOON)).toMatchObject({
      attempt: 1,
      worker: workers[i]!.config.name,
    });
  }
  expect(scene.readLedger().filter(({ step }) => step === 'start')).toHaveLength(tasks.length);
}

async function repliesAfterTheLease(stage: Stage): Promise<void> {
  const scene = stage.scene();
  const { queue } = await stage.open();
  const proxy = await stage.proxy();
  const options = { concurrency: 1, lease: LEASE, pollInterval: NO_POLL };
  const store = stage.options(proxy.url);
  const slow = await scene.worker('slow', options, { store }).ready();
  proxy.freeze('seldom'); // the connection that asks for this queue, from its reply on
  const task = await queue.enqueue<Receipt>('ProcessTasks.hold', [], { queue: 'seldom' });
  await proxy.held;
  slow.kill('SIGSTOP');
  const quick = await scene.worker('quick', options).ready();
  await quick.handler('start', task.id, 2);
  proxy.thaw();
  slow.kill('SIGCONT');
  const next = await queue.enqueue<Receipt>('ProcessTasks.hold');
  await slow.handler('start', next.id);
  expect(slow.ledger.map(({ task: id }) => id)).toEqual([next.id]);
  await slow.ask('release', next.id);
  await quick.ask('release', task.id);
  expect(await task.result(SOON)).toMatchObject({ worker: 'quick', attempt: 2 });
  expect(await next.result(SOON)).toMatchObject({ worker: 'slow', attempt: 1 });
}

async function stepsOverALockedTask(stage: Stage): Promise<void> {
  const scene = stage.scene();
  const { queue } = await stage.open();
  const options = { concurrency: 2, lease: LEASE, pollInterval: 300 };
  const lost = await scene.worker('lost', options).ready();
  const [locked, other] = await Promise.all(
    [1, 2].map(() => queue.enqueue<Receipt>('ProcessTasks.hold')),
  );
  await Promise.all([locked!, other!].map(({ id }) => lost.handler('start', id)));
  const sql = await stage.sql();
  await sql.run('BEGIN', `SELECT 1 FROM sitq_task WHERE id = '${locked!.id}' FOR UPDATE`);
  lost.kill('SIGSTOP');
  const heir = await scene.worker('heir', { ...options, concurrency: 1 }).ready();
  await heir.handler('start', other!.id, 2);
  lost.kill('SIGCONT');
  await eventually(async () => (await queue.workers()).length === 2);
  await sql.run('ROLLBACK');
  const starts = () => scene.readLedger().filter(({ step }) => step === 'start');
  await eventually(async () => starts().filter(({ task }) => task === locked!.id).length > 1);
  await lost.ask('release', locked!.id);
  await heir.ask('release', other!.id);
  for (const task of [locked!, other!]) expect(await task.result(SOON)).toBeDefined();
}

async function findsADeadlock(stage: Stage): Promise<void> {
  const sql = await stage.sql();
  const { queue } = await stage.open();
  await sql.run(
    'CREATE TABLE ballast (n INTEGER)', // who has written less is the one to give way
    ...(sql.kind === 'postgres' ? [`SET deadlock_timeout = '10s'`] : []),
    'BEGIN',
    `INSERT INTO ballast VALUES ${Array.from({ length: 200 }, (_, n) => `(${n})`).join()}`,
    taskRow('b'),
  );
  const ids = ['a', 'b'];
  const enqueued = queue.enqueueMany('Other.task', [[1], [2]], { id: (_, i) => ids[i]! });
  enqueued.catch(() => undefined); // seen below
  const look = await stage.sql();
  await eventually(async () => (await waiting(look)) === 1);
  await sql.run(taskRow('a')); // and waits for the other one, which gives way
  await sql.run('ROLLBACK');
  expect(await enqueued).toBe(2);
  expect(await deadlocks(look)).toBeGreaterThan(0);
  expect(await look.query('SELECT id FROM sitq_task ORDER BY id')).toEqual([
    { id: 'a' },
    { id: 'b' },
  ]);
}

async function hasNoConnectionToSpare(stage: Stage): Promise<void> {
  const owner = await stage.sql();
  const { url, limit, drop } = await roleWithLimits(stage, owner);
  stage.afterwards(drop);
  await limit(PLENTY);
  const { queue } = await stage.open(url);
  await queue.enqueue('Other.task', [1]);
  const hog = await stage.sql(url);
  await limit(1);
  await killOthers(hog);
  const { error, ms } = await refusalOf(queue);
  expect(error).toBeInstanceOf(BackendError);
  expect(error).toMatchObject({ transient: true });
  expect(String(error)).toMatch(
    owner.kind === 'postgres' ? /too many connections/ : /max_user_conn/,
  );
  expect(ms).toBeLessThan(LONGEST_ENQUEUE);
  await limit(PLENTY);
  await queue.enqueue('Other.task', [2]);
}

/** What the caller of an enqueue hears, and after how many ms. */
async function refusalOf(queue: TaskQueue): Promise<{ error: unknown; ms: number }> {
  const began = performance.now();
  const error = await queue.enqueue('Other.task').catch((reason: unknown) => reason);
  return { error, ms: performance.now() - began };
}

function startedBy(workers: readonly Child[], task: string): Promise<unknown> {
  return Promise.race(workers.map((worker) => worker.handler('start', task)));
}

function taskRow(id: string): string {
  return `INSERT INTO sitq_task (id, name, queue, payload, priority, eta, created_at)
    VALUES ('${id}', 'Other.task', 'default', '[]', 0, 0, 0)`;
}

/** How many sessions wait for a lock. */
async function waiting(sql: Sql): Promise<number> {
  // InnoDB shows what it showed last, to everybody, until nobody has looked for 100 ms.
  if (sql.kind !== 'postgres') await sleep(300);
  const [row] = await sql.query<{ waiting: number }>(
    sql.kind === 'postgres'
      ? `SELECT count(*) AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`
      : `SELECT count(*) AS waiting FROM information_schema.innodb_trx t
         JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
         WHERE t.trx_state = 'LOCK WAIT' AND p.db = database()`,
  );
  return row!.waiting;
}

async function deadlocks(sql: Sql): Promise<number> {
  if (sql.kind === 'postgres') {
    await sleep(1100); // statistics are told once per second
    const [row] = await sql.query<{ deadlocks: number }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    return row!.deadlocks;
  }
  const [row] = await sql.query<{ count: number }>(
    `SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'`,
  );
  return row!.count;
}

/** Connections of a user; MariaDB counts only those of users with a limit. */
const PLENTY = 50;

/** A user of its own, whose connections can be limited. */
async function roleWithLimits(stage: Stage, owner: Sql) {
  const name = `sitq_${randomBytes(4).toString('hex')}`;
  const url = new URL(stage.store.options.url);
  url.username = name;
  url.password = 'secret';
  if (owner.kind === 'postgres') {
    const database = url.pathname.slice(1);
    await owner.run(
      `CREATE ROLE ${name} LOGIN PASSWORD 'secret'`,
      `ALTER DATABASE ${database} OWNER TO ${name}`,
    );
    return {
      url: String(url),
      limit: (most: number) => owner.run(`ALTER ROLE ${name} CONNECTION LIMIT ${most}`),
      drop: () =>
        owner.run(
          `ALTER DATABASE ${database} OWNER TO CURRENT_USER`,
          `DROP OWNED BY ${name}`,
          `DROP ROLE ${name}`,
        ),
    };
  }
  const account = `'${name}'@'%'`;
  await owner.run(
    `CREATE USER ${account} IDENTIFIED BY 'secret'`,
    `GRANT ALL ON \`${url.pathname.slice(1)}\`.* TO ${account}`,
  );
  return {
    url: String(url),
    limit: (most: number) => owner.run(`ALTER USER ${account} WITH MAX_USER_CONNECTIONS ${most}`),
    drop: () => owner.run(`DROP USER ${account}`),
  };
}

/** Ends the other sessions of the same user. */
async function killOthers(sql: Sql): Promise<void> {
  if (sql.kind === 'postgres') {
    await sql.run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE usename = current_user AND pid <> pg_backend_pid()`,
    );
    return;
  }
  const sessions = await sql.query<{ id: number }>(
    'SELECT id FROM information_schema.processlist WHERE id <> connection_id()',
  );
  for (const { id } of sessions) await sql.run(`KILL ${id}`).catch(() => undefined); // gone by itself
}

// Where there is none the end of the run says so.
if (findPgbouncer()) {
  describe('behind pgbouncer', () => {
    let store: Store & { readonly options: { readonly type: 'postgres'; readonly url: string } };
    let scene: Scene;
    let pooler: Pgbouncer;
    let lines: Lines;
    let backend: TypeOrmBackend;

    async function behind(mode: 'transaction' | 'session', more: { listen?: boolean }) {
      store = (await createStore('postgres')) as typeof store;
      scene = new Scene(store);
      pooler = await Pgbouncer.start(store.options.url, mode);
      lines = new Lines();
      backend = new TypeOrmBackend({ ...options(more), logger: lines });
      await backend.open();
      return new TaskQueue({ backend });
    }

    function options(more: { listen?: boolean }) {
      return { ...store.options, url: pooler.url, ...more };
    }

    afterEach(async () => {
      await backend.close();
      await scene.close();
      await pooler.close();
    });

    test('in transaction mode, without listening: nothing is lost, and nothing to say', async () => {
      const queue = await behind('transaction', { listen: false });
      const more = { store: options({ listen: false }), log: true };
      const workers = await Promise.all(
        ['one', 'two'].map((name) => scene.worker(name, { pollInterval: 100 }, more).ready()),
      );
      const enqueueInTurn = async (from: number) => {
        for (let n = from; n < from + 25; n += 1) {
          await queue.enqueue('ProcessTasks.work', [0], { id: `task-${n}` });
        }
      };
      await Promise.all([0, 25, 50, 75].map(enqueueInTurn));
      await queue.enqueueMany(
        'ProcessTasks.work',
        Array.from({ length: 100 }, () => [0]),
      );
      const counts = () => queue.counts();
      await eventually(async () => (await counts()).completed === 200);
      expect(await counts()).toMatchObject({ queued: 0, running: 0, failed: 0 });
      expect(scene.readLedger().filter(({ step }) => step === 'start')).toHaveLength(200);
      expect(lines.all).toEqual([]);
      for (const { output } of workers) expect(output).not.toMatch(/WARN|ERROR/);
    });

    test('in transaction mode it notices that nobody wakes it, says what to do, and polls', async () => {
      const queue = await behind('transaction', {});
      const more = { store: options({}) };
      const worker = await scene.worker('worker', { pollInterval: 300 }, more).ready();
      await eventually(async () => lines.all.length > 0);
      expect(lines.all).toEqual([
        expect.stringMatching(/^warn .*cannot wake this one.*transaction mode set listen: false/),
      ]);
      const task = await queue.enqueue('ProcessTasks.work', [0]);
      expect(await task.result(SOON)).toMatchObject({ worker: worker.config.name });
      expect(lines.all).toHaveLength(1);
    });

    test('in session mode it is woken', async () => {
      const queue = await behind('session', {});
      const more = { store: options({}), log: true };
      const worker = await scene.worker('worker', { pollInterval: NO_POLL }, more).ready();
      const task = await queue.enqueue('ProcessTasks.work', [0]);
      expect(await task.result(SOON)).toMatchObject({ worker: worker.config.name });
      await sleep(4000); // it would be said when the first echo is overdue
      expect(lines.all).toEqual([]);
      expect(worker.output).not.toMatch(/WARN|ERROR/);
    });
  });
}
