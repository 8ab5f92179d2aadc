import { sitqSchema, TaskQueue, type SitqOptions } from 'nestjs-sitq';
import { existsSync } from 'node:fs';
import { mayAbort } from '../lib/backends/typeorm/dialect/sqlite/driver.check.js';
import type { StoreKind } from './app/databases/kinds.js';
import { DAMAGES } from './app/damages.js';
import { urlWith } from './app/databases/databases.js';
import { serverKinds } from './app/databases/servers.js';
import type { Sql } from './app/databases/sql.js';
import { startDeafProxy } from './app/deaf-proxy.js';
import { effort } from './app/effort.js';
import { eventually } from './app/eventually.js';
import { Scene } from './app/processes/scene.js';
import { runCli, spawnCli, type CliRun } from './app/run-cli.js';
import { runScript } from './app/run-script.js';
import { createStore, stores, type Store } from './app/stores.js';
import { TcpProxy } from './app/tcp-proxy.js';

const ALL = sitqSchema().migrations.map(({ name }) => name);
const LAST = ALL.at(-1)!;

interface Finding {
  readonly check: string;
  readonly state: string;
  readonly text: string;
  readonly lines?: string[];
}

interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: Finding[];
}

let store: Store;
let scene: Scene;
afterEach(() => scene?.close());

async function setTheScene(kind: StoreKind): Promise<void> {
  store = await createStore(kind);
  scene = new Scene(store);
}

/** Runs a command on the store, named by the environment. */
function sitq(...args: string[]): Promise<CliRun> {
  return runCli(args, urlOfStore());
}

function urlOfStore(): string {
  const { options } = store;
  return 'url' in options ? options.url : `sqlite:${options.database}`;
}

async function diagnose(...args: string[]): Promise<Diagnosis & { code: number }> {
  const { code, out } = await sitq('doctor', '--json', ...args);
  return { code, ...(JSON.parse(out) as Diagnosis) };
}

/** What the doctor found, by check. */
async function findings(): Promise<Record<string, Finding>> {
  const { findings: all } = await diagnose();
  return Object.fromEntries(all.map((finding) => [finding.check, finding]));
}

/** What is wrong, by check. */
function wrong({ findings: all }: Diagnosis): Record<string, string> {
  const bad = all.filter(({ state }) => state !== 'well');
  return Object.fromEntries(bad.map(({ check, state, text }) => [check, `${state}: ${text}`]));
}

function isNoWarning({ state }: Finding): boolean {
  return state !== 'well' && state !== 'warning';
}

/** Settings of the test server that the doctor rightly dislikes. */
function withoutServer({ vacuum: _v, durability: _d, ...rest }: Record<string, string>) {
  return rest;
}

describe.each(stores())('on %s', (kind) => {
  beforeEach(() => setTheScene(kind));

  describe('migrate', () => {
    test('names what it applies, and then nothing', async () => {
      const first = await sitq('migrate');
      expect(first).toEqual({
        code: 0,
        out: ALL.map((name) => `applied  ${name}\n`).join(''),
        err: '',
      });
      const second = await sitq('migrate');
      expect(second).toMatchObject({ code: 0, err: '' });
      expect(second.out).toMatch(/^\S+ is up to date\n$/);
      const app = await scene.open({ migrate: false });
      await app.get(TaskQueue).enqueue('Any.task', [], { id: 'a' });
    });

    test('many at once apply each migration once', async () => {
      const runs = await Promise.all(
        Array.from({ length: effort(8, 20) }, () =>
          spawnCli(['migrate'], { SITQ_URL: urlOfStore() }),
        ),
      );
      expect(runs.map(({ code, err }) => [code, err])).toEqual(runs.map(() => [0, '']));
      const applied = runs.flatMap(({ out }) => out.match(/^applied .*$/gm) ?? []);
      expect(applied).toEqual(ALL.map((name) => `applied  ${name}`));
      expect(wrong(await diagnose())).not.toHaveProperty('migrations');
    });

    test('--dry-run prints the SQL and changes nothing', async () => {
      const { code, out } = await sitq('migrate', '--dry-run');
      expect(code).toBe(0);
      expect(out).toContain('CREATE TABLE');
      if (kind === 'sqlite') expect(existsSync(scene.database)).toBe(false);
      await sitq('migrate');
      await sitq('migrate', '--down', '--yes');
      const missing = await sitq('migrate', '--dry-run');
      expect(missing.out).toContain(`-- ${LAST}`);
      expect(missing.out).not.toContain(`-- ${ALL[0]}`);
      await runScript(store, missing.out);
      expect((await sitq('migrate')).out).toMatch(/up to date/);
      expect((await sitq('migrate', '--dry-run')).out).toMatch(/^-- \S+ is up to date\n$/);
    });

    test('--down says what is lost, and needs --yes', async () => {
      const queue = await scene.queue();
      await queue.enqueue('Any.task', []);
      const count = String(ALL.length);
      const asked = await sitq('migrate', '--down', count);
      expect(asked).toMatchObject({ code: 1, err: 'Nothing was done. Repeat it with --yes.\n' });
      expect(asked.out).toMatch(/^ +sitq_task: 1 row$/m);
      const shown = await sitq('migrate', '--down', count, '--dry-run');
      expect(shown.out).toMatch(/DROP TABLE .*sitq_task/);
      expect((await sitq('migrate')).out).toMatch(/up to date/);

      const one = await sitq('migrate', '--down', '--yes');
      expect(one).toMatchObject({ code: 0, out: `undone  ${LAST}\n` });
      await sitq('migrate', '--down', count, '--yes');
      expect((await sitq('migrate', '--down')).out).toMatch(/has no migrations/);
      expect((await sitq('migrate')).out).toBe(ALL.map((name) => `applied  ${name}\n`).join(''));
      expect((await diagnose()).code).toBe(0);
    });

    test('leaves tables of a newer version alone', async () => {
      await sitq('migrate');
      const sql = await scene.connect();
      await sql.run(
        `INSERT INTO sitq_migration (timestamp, name) VALUES (4102444800000, 'AddTheFuture4102444800000')`,
      );
      for (const args of [[], ['--dry-run'], ['--down', '--yes']]) {
        const { code, err } = await sitq('migrate', ...args);
        expect([code, err]).toEqual([2, expect.stringMatching(/newer.*AddTheFuture.*Update/)]);
      }
      const diagnosis = await diagnose();
      expect(diagnosis.code).toBe(1);
      expect(wrong(diagnosis).migrations).toMatch(/fault: 1 of a newer version/);
    });
  });

  describe('schema', () => {
    test('prints what a boot with migrate: false accepts', async () => {
      const { code, out } = await sitq('schema');
      expect(code).toBe(0);
      expect((await runCli(['schema', '--type', kind])).out).toBe(out);
      await runScript(store, out);
      const app = await scene.open({ migrate: false });
      await app.get(TaskQueue).enqueue('Any.task', [], { id: 'a' });
      expect(withoutServer(wrong(await diagnose()))).toEqual({
        queues: 'warning: 1 task waits',
      });
      expect((await sitq('migrate', '--down', '--yes')).out).toBe(`undone  ${LAST}\n`);
      expect((await sitq('migrate')).out).toBe(`applied  ${LAST}\n`);
    });
  });

  describe('doctor', () => {
    test('finds nothing wrong after a migration', async () => {
      await sitq('migrate');
      const diagnosis = await diagnose();
      expect(withoutServer(wrong(diagnosis))).toEqual({});
      expect(diagnosis).toMatchObject({ code: 0, healthy: true });
      const { code, out, err } = await sitq('doctor');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^ok +connection +\S.* ms for a round trip$/m);
      expect(out).not.toContain('\u001B[');
      const columns = out.split('\n').filter((line) => /^(ok|warning) /.test(line));
      expect(new Set(columns.map((line) => /^\w+ +\S+ +/.exec(line)![0].length)).size).toBe(1);
    });

    test('misses migrations', async () => {
      await sitq('migrate');
      await sitq('migrate', '--down', '--yes');
      const diagnosis = await diagnose();
      expect(diagnosis).toMatchObject({ code: 1, healthy: false });
      expect(wrong(diagnosis)).toMatchObject({
        migrations: `fault: 1 missing, ${ALL.length - 1} applied`,
        tables: expect.stringMatching(/^skipped/) as string,
      });
      expect((await sitq('doctor')).out).toMatch(new RegExp(`^ +${LAST}$`, 'm'));
    });

    test.each(DAMAGES[kind])('sees that somebody ran: %s', async (...damage: string[]) => {
      await sitq('migrate');
      const sql = await scene.connect();
      await sql.run(...damage);
      const diagnosis = await diagnose();
      expect(diagnosis.code).toBe(1);
      expect(wrong(diagnosis).tables).toBe('fault: differ from the entities');
      // A column that is made anew may take an index with it, which the next look tells.
      for (let round = 0; round < 2; round += 1) {
        const { lines = [] } = (await findings()).tables!;
        await runScript(store, lines.join('\n'));
      }
      expect(wrong(await diagnose())).not.toHaveProperty('tables');
    });

    test('knows who is alive', async () => {
      const queue = await scene.queue();
      const worker = await scene.worker('alive').ready();
      await queue.enqueue('ProcessTasks.work', [0], { delay: '1h' });
      const { workers, queues } = await findings();
      expect(workers).toMatchObject({ state: 'well', text: '1 alive' });
      expect(queues).toMatchObject({ state: 'well', text: 'nothing waits' });
      await worker.ask('close');
      expect((await findings()).workers).toMatchObject({ state: 'well', text: '0 alive' });
    });

    test('knows who is lost, and what nobody takes', async () => {
      const queue = await scene.queue();
      await queue.enqueue('Nobody.has', []);
      await queue.enqueue('Nobody.has', [], { queue: 'odd' });
      const sql = await scene.connect();
      await sql.run(
        `INSERT INTO sitq_worker (id, host, pid, handlers, lease, expires_at, started_at)
         VALUES ('lost', 'elsewhere', 7, '["Nobody.has"]', 1000, 2000, 1)`,
      );
      const { workers, queues } = await findings();
      expect(workers).toMatchObject({
        state: 'warning',
        text: '0 alive, 1 stale',
        lines: [expect.stringMatching(/^lost on elsewhere, pid 7: silent since \d+d ago$/)],
      });
      expect(queues).toMatchObject({
        state: 'warning',
        text: '2 tasks wait',
        lines: [
          expect.stringMatching(/^default: 1, .* ago; no living worker takes Nobody\.has$/),
          expect.stringMatching(/^odd: 1, .* ago; no living worker takes Nobody\.has$/),
        ],
      });
      const diagnosis = await diagnose();
      expect(diagnosis.findings.filter(isNoWarning)).toEqual([]);
      expect(diagnosis.code).toBe(0);
    });
  });
});

const servers = serverKinds().filter((kind) => stores().includes(kind));

describe.each(servers)('on %s, a migration that is cut off', (kind) => {
  beforeEach(() => setTheScene(kind));

  const MOMENTS = ['sitq_progress', 'loop_lag', 'INSERT INTO'].flatMap(
    (text) =>
      [
        ['before', text],
        ['after', text],
      ] as const,
  );

  test.each(MOMENTS)('%s %s, is made up for by the next one', async (side, text) => {
    const proxy = await TcpProxy.to(urlOfStore());
    const cut = side === 'before' ? proxy.cutBefore(text) : proxy.cutAfter(text);
    expect((await runCli(['migrate', '--url', proxy.url])).code).toBe(2);
    await cut;
    proxy.close();
    expect(await sitq('migrate')).toMatchObject({ code: 0, err: '' });
    expect(withoutServer(wrong(await diagnose()))).toEqual({});
  });
});

for (const kind of servers.filter((each) => each !== 'postgres')) {
  describe(`on ${kind} alone`, () => {
    beforeEach(() => setTheScene(kind));

    test('the doctor is not misled by the scheme of the URL', async () => {
      await sitq('migrate');
      for (const scheme of ['mysql', 'mariadb']) {
        const url = urlOfStore().replace(/^\w+/, scheme);
        const { code, out } = await runCli(['doctor', '--url', url]);
        expect(code).toBe(0);
        expect(out).toMatch(/^ok +tables /m);
      }
    });

    test.each([
      'ALTER TABLE sitq_log ENGINE = MyISAM',
      'ALTER TABLE sitq_task CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
    ])('the doctor sees that somebody ran: %s', async (damage) => {
      await sitq('migrate');
      const sql = await scene.connect();
      await sql.run(damage);
      const { storage } = await findings();
      expect(storage).toMatchObject({ state: 'fault' });
      await runScript(store, storage!.lines!.join('\n'));
      expect((await findings()).storage).toMatchObject({ state: 'well' });
    });
  });
}

describe('on PostgreSQL', () => {
  beforeEach(() => setTheScene('postgres'));

  test('a schema and a prefix of their own go through everything', async () => {
    const own = ['--schema', 'own', '--table-prefix', 'q_'];
    const { out } = await sitq('schema', ...own);
    await runScript(store, out);
    const options = { ...store.options, schema: 'own', tablePrefix: 'q_', migrate: false };
    const app = await scene.open(options as SitqOptions);
    await app.get(TaskQueue).enqueue('Any.task', [], { id: 'a' });
    expect(withoutServer(wrong(await diagnose(...own)))).toEqual({
      queues: 'warning: 1 task waits',
    });
    expect(wrong(await diagnose())).toHaveProperty('migrations');
    await sitq('migrate', ...own, '--down', String(ALL.length), '--yes');
    expect((await sitq('migrate', ...own)).out).toMatch(/^applied/);
    expect((await diagnose(...own)).code).toBe(0);
    const grants = await sitq('schema', ...own, '--grants', 'the "app"');
    const role = '"the ""app"""';
    expect(grants.out).toContain(`GRANT USAGE ON SCHEMA "own" TO ${role};\nGRANT SELECT`);
    expect(grants.out).toContain(`ON "own"."q_task" TO ${role};\n`);
  });

  test('the doctor sees tables that are not vacuumed', async () => {
    await sitq('migrate');
    const sql = await scene.connect();
    await sql.run('ALTER TABLE sitq_task SET (autovacuum_enabled = off)');
    const diagnosis = await diagnose();
    expect(diagnosis.code).toBe(1);
    expect(wrong(diagnosis).vacuum).toBe('fault: autovacuum is off for sitq_task');
  });

  test('the doctor sees that nothing can be written', async () => {
    await sitq('migrate');
    const sql = await scene.connect();
    const name = new URL(urlOfStore()).pathname.slice(1);
    await sql.run(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const { rights } = await findings();
    expect(rights).toMatchObject({
      state: 'fault',
      text: expect.stringMatching(/^cannot execute INSERT in a read-only transaction;/),
    });
    expect(rights).not.toHaveProperty('lines');
  });

  test('the doctor notices that LISTEN is not heard', async () => {
    await sitq('migrate');
    const proxy = await startDeafProxy(urlOfStore());
    const doctor = ['doctor', '--url', proxy.url];
    const deaf = await runCli(doctor);
    expect(deaf.code).toBe(1);
    expect(deaf.out).toMatch(/^FAULT +wake-up +LISTEN does not hear NOTIFY\n.*listen: false/m);
    expect(await runCli([...doctor, '--no-listen'])).toMatchObject({ code: 0 });
    proxy.close();
  });

  test.each([
    ['v20.20.2', '12.11.1', false],
    ['v22.23.3', '12.11.1', false],
    ['v24.18.0', '12.11.1', false],
    ['v24.19.0', '12.11.1', true],
    ['v24.21.0', '13.2.0', false],
    ['v26.0.0', '12.11.1', true],
  ])('whether Node %s aborts with better-sqlite3 %s', (node, driver, expected) => {
    expect(mayAbort(node, driver)).toBe(expected);
  });

  test('the doctor names the driver of SQLite', async () => {
    await setTheScene('sqlite');
    await sitq('migrate');
    const { driver } = await findings();
    expect(driver!.text).toContain(`on Node ${process.version}`);
    expect(driver!.text).toMatch(/^better-sqlite3 \d+\.\d+\.\d+ on /);
  });

  test('the doctor compares the clocks', async () => {
    await sitq('migrate');
    const late = 'data:text/javascript,const{now}=Date;Date.now=()=>now()-60_000';
    const env = { SITQ_URL: urlOfStore(), NODE_OPTIONS: `--import=${late}` };
    const { out } = await spawnCli(['doctor'], env);
    expect(out).toMatch(/^warning +clock +the server is (59|60)\d\d\d ms ahead of this machine$/m);
  });

  test('migrations wait for their turn, whatever the limits of the server are', async () => {
    const sql = await scene.connect();
    const name = new URL(urlOfStore()).pathname.slice(1);
    await sql.run(
      `ALTER DATABASE ${name} SET statement_timeout = '1s'`,
      `ALTER DATABASE ${name} SET lock_timeout = '1s'`,
      `ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '20ms'`,
      'SELECT pg_advisory_lock(5160730415)',
    );
    const migration = sitq('migrate');
    await eventually(() => hasWaitedFor(sql, '1.5s'));
    await sql.run('SELECT pg_advisory_unlock(5160730415)');
    expect(await migration).toMatchObject({ code: 0, err: '' });
  });

  test('a migration that fails leaves nothing behind', async () => {
    const sql = await scene.connect();
    await sql.run('CREATE TABLE sitq_log (mine int)');
    const { code, err } = await sitq('migrate');
    expect([code, err]).toEqual([2, expect.stringMatching(/"sitq_log" already exists/)]);
    await sql.run('DROP TABLE sitq_log');
    expect((await sitq('migrate')).code).toBe(0);
  });
});

describe('what cannot be', () => {
  const WRONG: [args: string[], message: RegExp][] = [
    [['migrate', '--bogus'], /^error: unknown option '--bogus'$/],
    [['bogus'], /^error: unknown command 'bogus'$/],
    [['migrate', 'bogus'], /^error: too many arguments for 'migrate'/],
    [['migrate', '--down', 'x'], /'x' is invalid. Give a number/],
    [['doctor'], /^error: Which database\? Give --url, or --database .*SITQ_URL\.$/],
    [['schema'], /^error: Which database\?/],
    [['schema', '--type', 'oracle'], /'oracle' is invalid/],
    [['schema', '--type', 'sqlite', '--grants', 'app'], /^error: SQLite has no roles\.$/],
    [
      ['migrate', '--url', 'http://a:secret@b/c'],
      /^error: sitq: url does not begin with postgres:/,
    ],
    [['migrate', '--url', 'sqlite:a', '--database', 'b'], /exclude each other/],
    [['migrate', '--database', 'b', '--schema', 'c'], /^error: --schema is for PostgreSQL/],
    [['migrate', '--database', 'b', '--table-prefix', 'a-'], /tablePrefix is 'a-'/],
    [['doctor', '--database', '/no/such/file'], /^error: There is no file \/no\/such\/file\.$/],
    [['postgres://ann:secret@host/db'], /unknown command 'postgres:\/\/ann:\*\*\*@host\/db'/],
    [['postgres://host/db?password=secret'], /unknown command '.*\?password=\*\*\*/],
  ];
  test.each(WRONG)('%j', async (args, message) => {
    const { code, out, err } = await runCli(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.trimEnd()).toMatch(message);
    expect(err.trimEnd()).not.toContain('\n');
    expect(err).not.toContain('secret');
  });

  const UNREACHABLE = 'postgres://ann:secret@127.0.0.1:1/db';

  test('a server that does not answer', async () => {
    const { code, err } = await runCli(['migrate'], UNREACHABLE);
    expect(code).toBe(2);
    expect(err).toMatch(/^error: The database 127\.0\.0\.1:1\/db cannot be opened: .*ECONNREFUSED/);
    expect(err.trimEnd()).not.toContain('\n');
    const verbose = await runCli(['migrate', '--verbose'], UNREACHABLE);
    expect(verbose.err).toMatch(/\n +at .*open-data-source/);
    expect(verbose.err).toMatch(/caused by .*ECONNREFUSED/);
    const doctor = await runCli(['doctor', '--json'], UNREACHABLE);
    expect(doctor.code).toBe(1);
    expect(wrong(JSON.parse(doctor.out) as Diagnosis).connection).toMatch(/ECONNREFUSED/);
    expect(err + verbose.err + doctor.out + doctor.err).not.toContain('secret');
  });

  describe.each(servers)('%s', (kind) => {
    beforeEach(() => setTheScene(kind));

    test('a database that does not exist', async () => {
      const url = urlWith(urlOfStore(), { database: 'no_such_one' });
      const { code, err } = await runCli(['migrate', '--url', url]);
      expect([code, err]).toEqual([
        2,
        expect.stringMatching(/no_such_one.*exist|Unknown.*no_such/),
      ]);
    });

    test('a server that hangs', async () => {
      const proxy = await TcpProxy.to(urlOfStore());
      proxy.freeze();
      const { code, err } = await runCli(['migrate', '--url', proxy.url]);
      expect([code, err]).toEqual([2, expect.stringMatching(/timeout|ETIMEDOUT/i)]);
      proxy.close();
    });
  });
});

/** Whether somebody has waited so long for the lock of another session. */
async function hasWaitedFor(sql: Sql, interval: string): Promise<boolean> {
  const waiting = await sql.query(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
       AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '${interval}'`,
  );
  return waiting.length > 0;
}
