import { Injectable } from '@nestjs/common';
import { BackendError, RetryAfterError, Task, TaskContext, TypeOrmBackend } from 'nestjs-sitq';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { RIGHTS, type Right } from '../lib/backends/typeorm/rights.js';
import type { TableName } from '../lib/backends/typeorm/table-names.js';
import type { OwnServer } from './app/databases/own-server.js';
import { startPostgres } from './app/databases/postgres-server.js';
import { serverKinds } from './app/databases/servers.js';
import { connect, type Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { Scene } from './app/processes/scene.js';
import { runCli } from './app/run-cli.js';
import { runScript } from './app/run-script.js';
import { startApp } from './app/start-app.js';
import { createStore, stores, type Store } from './app/stores.js';

const PASSWORD = 'not-so-secret';
/** Only a wake-up can be faster. */
const NEVER = '1h';

@Injectable()
class RoleTasks {
  constructor(private readonly run: TaskContext) {}

  @Task()
  greet(name: string): string {
    this.run.log('greeting');
    this.run.progress(50);
    return `Hello ${name}`;
  }

  @Task({ attempts: 2 })
  flaky(): number {
    if (this.run.attempt === 1) throw new RetryAfterError(0);
    return this.run.attempt;
  }

  @Task()
  async wait(): Promise<void> {
    const { signal } = this.run;
    if (!signal.aborted) await once(signal, 'abort');
    throw signal.reason as Error;
  }
}

const kinds = serverKinds().filter((kind) => stores().includes(kind));

describe.each(kinds)('a role that may change no table, on %s', (kind) => {
  let owned: Store;
  let owner: Sql;
  let role: string;
  let account: string;
  let store: Store & { readonly options: { readonly type: typeof kind; readonly url: string } };

  beforeEach(async () => {
    owned = await createStore(kind);
    owner = await owned.sql();
    role = `sitq_${randomBytes(4).toString('hex')}`;
    const url = new URL(ownerUrl());
    if (kind === 'postgres') {
      account = `"${role}"`;
      await owner.run(`CREATE ROLE ${account} LOGIN PASSWORD '${PASSWORD}'`);
      await owner.run('REVOKE CREATE ON SCHEMA public FROM PUBLIC'); // as PostgreSQL 15 does
    } else {
      account = `'${role}'@'%'`;
      await owner.run(`CREATE USER ${account} IDENTIFIED BY '${PASSWORD}'`);
    }
    url.username = role;
    url.password = PASSWORD;
    const options = { type: kind, url: String(url) };
    store = { ...owned, options, drop: async () => undefined };
  });

  afterEach(async () => {
    if (kind === 'postgres') {
      await owner.run(`DROP OWNED BY ${account}`, `DROP ROLE ${account}`);
    } else {
      await owner.run(`DROP USER ${account}`);
    }
    await owner.close();
    await owned.drop();
  });

  function ownerUrl(): string {
    return (owned.options as { url: string }).url;
  }

  /** Makes the tables, and gives the role what the command prints. */
  async function setUp(): Promise<void> {
    expect((await runCli(['migrate'], ownerUrl())).code).toBe(0);
    const { out } = await runCli(['schema', '--grants', role], ownerUrl());
    await runScript(owned, out);
  }

  test('runs a whole application', async () => {
    await setUp();
    const options = { ...store.options, migrate: false } as const;
    const { queue } = await startApp([], { ...options, worker: false });
    const worker = { pollInterval: kind === 'postgres' ? NEVER : 50 } as const;
    await startApp([RoleTasks], { ...options, worker });

    const greeting = await queue.enqueue(RoleTasks, 'greet', ['Ann']);
    expect(await greeting.result({ timeout: '50s' })).toBe('Hello Ann');
    expect((await queue.getTask(greeting.id))?.progress).toBe(50);
    expect((await queue.getLog(greeting.id)).map(({ line }) => line)).toEqual(['greeting']);
    const flaky = await queue.enqueue(RoleTasks, 'flaky', []);
    expect(await flaky.result({ timeout: '50s' })).toBe(2);
    const waiting = await queue.enqueue(RoleTasks, 'wait', []);
    await eventually(async () => (await waiting.status()) === 'running');
    await waiting.cancel();
    await expect(waiting.result({ timeout: '50s' })).rejects.toThrow('cancelled');
    const names = Array.from({ length: 50 }, (_, n): [string] => [`${n}`]);
    expect(await queue.enqueueMany(RoleTasks, 'greet', names)).toBe(50);
    await eventually(async () => (await queue.counts()).completed === 52);

    const backend = queue.backend as TypeOrmBackend;
    expect(await backend.pruneTasks({ completed: Date.now() + 60_000 }, 100)).toBe(52);
    expect(await queue.counts()).toMatchObject({ completed: 0, cancelled: 1 });
    expect(await owner.query('SELECT * FROM sitq_log')).toEqual([]);
    expect(await queue.workers()).toHaveLength(1);
  });

  test('takes over from a worker that died', async () => {
    await setUp();
    const scene = new Scene(store);
    const queue = await scene.queue();
    const first = await scene.worker('first', { lease: 1000 }).ready();
    const held = await queue.enqueue('ProcessTasks.hold', []);
    await first.handler('start', held.id);
    first.kill('SIGKILL');
    const second = await scene.worker('second', { lease: 1000 }).ready();
    await second.handler('start', held.id);
    await second.ask('release', held.id);
    expect(await held.result({ timeout: '50s' })).toMatchObject({ worker: 'second' });
    await second.ask('close');
    await scene.close();
  });

  test('cannot change a table, and the doctor is content', async () => {
    await setUp();
    const { code, out, err } = await runCli(['doctor'], store.options.url);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^ok +tables .*\nok +rights .*\nok +boot /m);
    const { err: refused } = await runCli(['migrate', '--down', '--yes'], store.options.url);
    expect(refused).toMatch(/^error: .*(must be owner|denied)/);
    expect((await runCli(['migrate'], store.options.url)).out).toMatch(/up to date/);
  });

  test('is told what it may not do', async () => {
    const boot = () => new TypeOrmBackend(store.options).open();
    await expect(boot()).rejects.toThrow(BackendError);
    await expect(boot()).rejects.toThrow(/denied/);
    expect((await runCli(['migrate'], ownerUrl())).code).toBe(0);
    await expect(boot()).rejects.toThrow(/denied.*npx sitq schema .*--grants/);

    await setUp();
    await owner.run(`REVOKE INSERT ON sitq_task FROM ${account}`);
    const { queue } = await startApp([], { ...store.options, migrate: false, worker: false });
    const enqueue = queue.enqueue('Any.task', []);
    await expect(enqueue).rejects.toThrow(/denied.*sitq_task.*npx sitq schema .*--grants/);
  });

  test('is told by the doctor which right is missing', async () => {
    await setUp();
    for (const [table, rights] of Object.entries(RIGHTS) as [TableName, readonly Right[]][]) {
      for (const right of rights.filter((each) => each !== 'SELECT')) {
        await owner.run(`REVOKE ${right} ON sitq_${table} FROM ${account}`);
        const { code, out } = await runCli(['doctor', '--json'], store.options.url);
        expect(code).toBe(1);
        const { findings } = JSON.parse(out) as { findings: { check: string; lines: string[] }[] };
        const { lines } = findings.find(({ check }) => check === 'rights')!;
        expect(lines).toEqual([expect.stringMatching(`^GRANT ${right} ON .*sitq_${table}.* TO `)]);
        await runScript(owned, lines.join('\n'));
      }
    }
    expect((await runCli(['doctor'], store.options.url)).code).toBe(0);
  });

  test('is told that its password is wrong', async () => {
    const wrong = kind === 'postgres' ? await urlOfStrictServer() : store.options.url;
    const { code, err } = await runCli(['migrate'], wrong.replace(PASSWORD, 'wr0ng'));
    expect([code, err]).toEqual([2, expect.stringMatching(/^error: .*(password|denied).*\n$/)]);
    expect(err).not.toContain('wr0ng');
  });
});

/** The PostgreSQL of a test run may trust whoever comes. */
async function urlOfStrictServer(): Promise<string> {
  const server = await startPostgres();
  strict.push(server);
  const sql = await connect('postgres', server.url);
  const [{ hba_file: file }] = (await sql.query<{ hba_file: string }>('SHOW hba_file')) as [
    { hba_file: string },
  ];
  await sql.run(
    `CREATE ROLE ann LOGIN PASSWORD '${PASSWORD}'`,
    `COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO '${file}'`,
    'SELECT pg_reload_conf()',
  );
  await sql.close();
  return server.url.replace('//postgres@', `//ann:${PASSWORD}@`);
}

const strict: OwnServer[] = [];
afterAll(() => Promise.all(strict.map((server) => server.close())));
