import Database from 'better-sqlite3';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { complaintsAbout } from '../sample/03-postgres/stage/verdict.js';
import type { Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { createStore, type Store } from './app/stores.js';
import { tempDirectory } from './app/temp-file.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The broken pictures, and why. */
const BROKEN: Record<string, string> = {
  empty: 'Input Buffer is empty',
  'plain-text': 'Input buffer contains unsupported image format',
  truncated: 'The SVG ends in the middle',
};
const WIDTHS = [96, 320, 960];
const SHOP = join(ROOT, 'build/03-postgres/main.js');

/** What the shop answers to an order. */
interface Placed {
  id: string;
  invoice: string;
}

/** A program under Node, as somebody at a terminal sees it. */
class Program {
  private static readonly running = new Set<Program>();

  output = '';
  /** Code or signal with which it ended. */
  readonly exit: Promise<number | NodeJS.Signals>;
  private readonly process: ChildProcess;

  constructor(args: string[], { cwd = ROOT, port = 0, env = {} } = {}) {
    this.process = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', PORT: String(port), ...env },
    });
    Program.running.add(this);
    this.process.stdout!.on('data', (data: Buffer) => (this.output += String(data)));
    this.process.stderr!.on('data', (data: Buffer) => (this.output += String(data)));
    this.exit = once(this.process, 'close').then(([code, signal]) => {
      Program.running.delete(this);
      return (signal ?? code) as number | NodeJS.Signals;
    });
  }

  /** Resolves as soon as it has printed this. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      const ended = await Promise.race([
        once(this.process.stdout!, 'data').then(() => false),
        this.exit.then(() => true),
      ]);
      if (ended && !pattern.test(this.output)) {
        throw new Error(`It never said ${pattern}:\n${this.output}`);
      }
    }
  }

  /** Ids of the processes that it started, directly or not. */
  children(): number[] {
    const processes = allProcesses();
    const childrenOf = (parent: number): number[] =>
      processes
        .filter((each) => each.parent === parent)
        .flatMap(({ pid }) => [pid, ...childrenOf(pid)]);
    return childrenOf(this.process.pid!);
  }

  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.process.kill(signal);
    return this.exit;
  }

  static async killAll(): Promise<void> {
    await Promise.all([...Program.running].map((program) => program.kill('SIGKILL')));
  }
}

interface Row {
  id: string;
  status: string;
  attempt: number;
  error: string | null;
  finishedAt: number | null;
}

/** With the Nest CLI. They import the library as an application does, from `dist`. */
beforeAll(async () => {
  await run(
    'node_modules/@nestjs/cli/bin/nest.js',
    'build',
    '01-thumbnails',
    '02-minimal',
    '03-postgres',
  );
});

afterEach(() => Program.killAll());

describe('sample 02-minimal', () => {
  test('answers with what a task returned, and stops on SIGTERM', async () => {
    const cwd = tempDirectory();
    const port = await freePort();
    const app = new Program([join(ROOT, 'build/02-minimal/main.js')], { cwd, port });
    await app.says(/successfully started/);

    const response = await post(`http://localhost:${port}/sign-up/Ann`);
    expect([response.status, await response.text()]).toEqual([201, 'Welcome, Ann!']);

    expect(await app.kill('SIGTERM')).toBe('SIGTERM'); // Nest's own way to end: drained, then this
    expect(app.output).toMatch(/Worker \S+ has stopped/);
    expect(app.output).not.toMatch(/WARN|ERROR/);
    expect(statSync(join(cwd, 'sitq.sqlite')).mode & 0o777).toBe(0o600);
  });
});

describe('sample 01-thumbnails', () => {
  test('goes on after kill -9 until every picture is settled', async () => {
    const out = tempDirectory();
    const settled = new Map<string, Row>();
    for (let kills = 0; kills < 3; kills += 1) {
      const app = thumbnails('--flags', '40', '--out', out);
      const [, count] = await app.says(/0% \| (\d+) of 129 /);
      expect(await app.kill('SIGKILL')).toBe('SIGKILL');
      for (const row of tasksOf(out).filter(isSettled)) {
        if (!settled.has(row.id)) settled.set(row.id, row);
      }
      expect(settled.size).toBeGreaterThanOrEqual(Number(count));
      expect(settled.size).toBeLessThan(129);
    }

    const app = thumbnails('--flags', '40', '--out', out, '--once');
    expect(await app.exit).toBe(0);
    const [, resumed] = await app.says(/Resuming 43-pictures.run-1: (\d+) of 129/);
    expect(Number(resumed)).toBeGreaterThanOrEqual(settled.size);
    expect(app.output).toContain('120 thumbnails made, 9 failed');
    expect(app.output).toContain(`Contact sheet: ${join(out, 'contact-sheet.png')}`);
    for (const [name, error] of Object.entries(BROKEN)) {
      expect(app.output).toMatch(
        new RegExp(`${name} \\(96, 320, 960 px\\), \\d+ attempts: ${error}`),
      );
    }

    const rows = tasksOf(out);
    expect(rows).toHaveLength(129 + 1);
    const good = rows.filter((row) => !errorOf(row));
    const broken = rows.filter((row) => !good.includes(row));
    expect(new Set(good.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect(new Set(broken.map(({ status }) => status))).toEqual(new Set(['failed']));
    for (const row of broken) expect(row.error).toContain(errorOf(row));

    // What had ended before a kill was left alone ever after.
    const endedBefore = rows.filter(({ id }) => settled.has(id));
    expect(endedBefore).toEqual(endedBefore.map(({ id }) => settled.get(id)));
    // A kill costs an attempt only what was running, and what was claimed ahead: twice as much.
    const repeated = good.reduce((sum, { attempt }) => sum + attempt - 1, 0);
    expect(repeated).toBeLessThanOrEqual(3 * (4 + 8));

    for (const width of WIDTHS) {
      const files = readdirSync(join(out, String(width)));
      expect(files).toHaveLength(40);
      const sizes = await Promise.all(files.map((file) => sizeOf(join(out, String(width), file))));
      expect(new Set(sizes)).toEqual(new Set([`${width}x${(width * 3) / 4}`]));
    }
    expect(await sizeOf(join(out, 'contact-sheet.png'))).toBe('984x924');
  });

  test('serves HTTP after the sheet, and starts anew after a finished run', async () => {
    const out = tempDirectory();
    const app = thumbnails('--flags', '3', '--out', out);
    const [, url] = await app.says(/Serving (http:\S+)/);
    expect(app.output).not.toMatch(/WARN|ERROR/); // nothing but the summary tells of failures

    const accepted = await post(`${url}/thumbnails/fr?width=640`);
    expect(accepted.status).toBe(202);
    const task = (await accepted.json()) as { id: string; result: string; progress: string };
    const news = await text(url + task.progress); // ends with the task
    expect(news).toContain('"status":"completed","attempt":1,"progress":100');
    const file = join(out, '640/fr.png');
    expect(await json(url + task.result)).toMatchObject({ status: 'success', value: { file } });
    expect(await sizeOf(file)).toBe('640x480');
    expect(await json(`${url}/tasks/${task.id}`)).toMatchObject({
      status: 'completed',
      args: ['fr', 640],
      log: [{ attempt: 1, line: 'attempt 1: fr, 640 pixels wide' }],
    });

    const broken = (await (await post(`${url}/thumbnails/truncated`)).json()) as typeof task;
    expect(await json(url + broken.result)).toMatchObject({
      status: 'failed',
      error: `Error: ${BROKEN.truncated}: it has no </svg>.`,
    });
    expect(await json(`${url}/tasks`)).toMatchObject({ completed: 11, failed: 10, queued: 0 });

    expect((await post(`${url}/thumbnails/atlantis`)).status).toBe(404);
    expect((await post(`${url}/thumbnails/fr?width=0`)).status).toBe(400);
    expect((await fetch(`${url}/tasks/none/result`)).status).toBe(404);
    expect(await app.kill('SIGTERM')).toBe('SIGTERM');
    expect(app.output).toMatch(/Worker \S+ has stopped/);

    const again = thumbnails('--flags', '3', '--out', out, '--once');
    expect(await again.exit).toBe(0);
    expect(again.output).toContain('Starting 6-pictures.run-2: 18 thumbnails to make.');
  });

  test('says what is wrong with its arguments', async () => {
    const app = thumbnails('--twice');
    expect(await app.exit).toBe(2);
    expect(app.output).toMatch(/Unknown option '--twice'[^]*Usage: npm start/);
  });
});

describe('sample 03-postgres', () => {
  test('serves HTTP on a PostgreSQL of its own, and leaves nothing behind', async () => {
    const TMPDIR = tempDirectory();
    chmodSync(TMPDIR, 0o711); // whoever runs the server has to get through
    const app = new Program([SHOP, '--workers', '1'], { env: { DATABASE_URL: '', TMPDIR } });
    const [, url] = await app.says(/(http:\S+)\/orders/);
    const order = { method: 'POST', body: new URLSearchParams({ customer: 'Bob', cents: '100' }) };
    const { id, invoice } = (await (await fetch(`${url}/orders`, order)).json()) as Placed;
    expect(await json(url + invoice)).toMatchObject({ orderId: id, cents: 119 });
    expect(await json(`${url}/orders/${id}`)).toMatchObject({
      customer: 'Bob',
      cents: 100,
      task: { status: 'completed', attempt: 1 },
    });
    expect(await json(`${url}/workers`)).toMatchObject([{ alive: true, concurrency: 4 }]);
    expect((await fetch(`${url}/orders/none`)).status).toBe(404);

    const [folder] = readdirSync(TMPDIR);
    const server = readFileSync(join(TMPDIR, folder!, 'data/postmaster.pid'), 'utf8');
    const processes = [...app.children(), Number.parseInt(server, 10)];
    expect(living(processes)).toHaveLength(4);
    expect(await app.kill('SIGINT')).toBe('SIGINT');
    await eventually(async () => living(processes).length === 0); // the server a moment after it was said to
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  test('complains of what is missing, and of unfair shares', () => {
    const shares = (...invoices: number[]) =>
      invoices.map((count, pid) => ({ pid, alive: pid > 0, running: 0, invoices: count }));
    const news = { orders: 10, invoices: 10, open: 0, failed: 1, shares: shares(0, 0, 0) };
    const good = { ...news, orders: 210, invoices: 210, shares: shares(5, 130, 65) };
    expect(complaintsAbout(news, good, 200)).toEqual([]);
    const bad = { orders: 209, invoices: 207, open: 0, failed: 4, shares: shares(5, 148, 49) };
    expect(complaintsAbout(news, bad, 200)).toEqual([
      '1 orders are missing.',
      '2 orders have no invoice.',
      '3 tasks have failed.',
      'Worker 2 had less than half of an even share.',
    ]);
  });

  describe('on a server', () => {
    let store: Store;
    let sql: Sql;

    beforeEach(async () => {
      store = await createStore('postgres');
      sql = await store.sql();
    });

    afterEach(async () => {
      await Program.killAll();
      await sql.close();
      await store.drop();
    });

    test('shares orders among workers', async () => {
      // Enough that a worker which boots a little later still gets its share.
      const app = shop(store, '--once', '--orders', '600');
      expect([await app.exit, app.output]).toEqual([0, app.output]);
      expect(app.output.match(/^worker \d+ .* invoices {2}0 running$/gm)).toHaveLength(2);
      expect(app.output).toMatch(
        /All orders have their invoice, in [\d.]+ s, and were shared fairly/,
      );
      expect(app.output).not.toMatch(/WARN|ERROR/);
      expect(await invoiced(sql)).toEqual({
        orders: 600,
        invoiced: 600,
        completed: 600,
        runs: 600,
      });
    });

    test('a worker is killed: the others write each invoice that it left, once', async () => {
      const app = shop(store, '--once', '--orders', '300');
      const [, pid] = await app.says(/without invoice; (\d+): /);
      await eventually(async () => (await invoiced(sql)).invoiced > 50);
      await eventually(() => killAtWork(sql, Number(pid)));
      expect([await app.exit, app.output]).toEqual([0, app.output]);
      expect(app.output).toMatch(new RegExp(`^worker ${pid} .* invoices {2}gone$`, 'm'));
      const { runs, ...rest } = await invoiced(sql);
      expect(rest).toEqual({ orders: 300, invoiced: 300, completed: 300 });
      // What was running, and what was claimed ahead: twice as much at most.
      expect(runs - 300).toBeLessThanOrEqual(4 + 8);
    });

    test('ends with the process that started it, however that ends', async () => {
      const app = shop(store, '--workers', '1');
      await app.says(/without invoice/);
      const children = app.children();
      expect(children).toHaveLength(2);
      await app.kill('SIGKILL');
      await eventually(async () => living(children).length === 0);
    });
  });
});

/** One that holds nothing would count as alive until its lease is over: it leaves nothing. */
async function killAtWork(sql: Sql, pid: number): Promise<boolean> {
  process.kill(pid, 'SIGSTOP');
  const held = await sql.query(
    `SELECT FROM sitq_task t JOIN sitq_worker w ON w.id = t.worker_id
     WHERE t.status = 'running' AND w.pid = ${pid}`,
  );
  process.kill(pid, held.length > 0 ? 'SIGKILL' : 'SIGCONT');
  return held.length > 0;
}

async function run(...args: string[]): Promise<void> {
  const program = new Program(args);
  if ((await program.exit) !== 0) throw new Error(program.output);
}

function thumbnails(...args: string[]): Program {
  return new Program([join(ROOT, 'build/01-thumbnails/main.js'), ...args]);
}

function shop({ options }: Store, ...args: string[]): Program {
  const { url: DATABASE_URL } = options as { url: string };
  return new Program([SHOP, ...args], { env: { DATABASE_URL } });
}

async function invoiced(sql: Sql) {
  const [counts] = await sql.query<Record<'orders' | 'invoiced' | 'completed' | 'runs', number>>(
    `SELECT (SELECT count(*) FROM sample_order) AS orders,
      (SELECT count(*) FROM sample_order o JOIN sample_invoice i ON i."orderId" = o.id) AS invoiced,
      (SELECT count(*) FROM sitq_task WHERE status = 'completed') AS completed,
      (SELECT sum(attempt) FROM sitq_task) AS runs`,
  );
  return counts!;
}

/** Those that have not ended. */
function living(pids: number[]): number[] {
  return allProcesses()
    .filter(({ pid, state }) => pids.includes(pid) && !state.startsWith('Z'))
    .map(({ pid }) => pid);
}

function allProcesses(): { pid: number; parent: number; state: string }[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({ pid: Number(pid), parent: Number(parent), state: state! }));
}

function tasksOf(out: string): Row[] {
  const database = new Database(join(out, 'tasks.sqlite'));
  try {
    const columns = 'id, status, attempt, error, finished_at AS finishedAt';
    return database.prepare(`SELECT ${columns} FROM sitq_task`).all() as Row[];
  } finally {
    database.close();
  }
}

/** The error in which the task must end, by the picture in its id: `43-pictures.run-1.empty.96`. */
function errorOf({ id }: Row): string | undefined {
  return BROKEN[id.split('.')[2]!];
}

function isSettled({ finishedAt }: Row): boolean {
  return finishedAt !== null;
}

async function sizeOf(file: string): Promise<string> {
  const { width, height } = await sharp(file).metadata();
  return `${width}x${height}`;
}

/** The log line comes just before the port is open. */
async function post(url: string): Promise<Response> {
  for (;;) {
    try {
      return await fetch(url, { method: 'POST' });
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (cause?.code !== 'ECONNREFUSED') throw error;
    }
  }
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text();
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
