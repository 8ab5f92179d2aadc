import { Injectable } from '@nestjs/common';
import {
  BackendError,
  ConfigurationError,
  SitqError,
  SitqModule,
  Task,
  TaskContext,
  TaskNotFoundError,
  TaskQueue,
  TypeOrmBackend,
  type SitqOptions,
} from 'nestjs-sitq';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { DataSource, type EntityManager } from 'typeorm';
import type { StoreKind } from './app/databases/kinds.js';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { runCli } from './app/run-cli.js';
import { typeOrmOptions } from './app/shop.js';
import { Lines, startApp, startModule } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempFile } from './app/temp-file.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '50s' } as const;

/** Ends the statement it is put into, whatever the quotes are, and does the worst. */
const INJECTION = `x'"\`;) OR 1=1; DROP TABLE sitq_task; -- $1 ? :id {task} \\`;

/** Names that every object has. */
@Injectable()
class Odd {
  constructor(private readonly run: TaskContext) {}

  @Task({ name: '__proto__', concurrency: 1 })
  proto(): string {
    return this.run.task.name;
  }

  @Task({ name: 'constructor', queue: 'toString', concurrency: 1 })
  construct(): string {
    return this.run.task.name;
  }

  @Task({ name: INJECTION, queue: INJECTION })
  inject(...args: unknown[]): unknown[] {
    this.run.log(INJECTION);
    this.run.progress(INJECTION);
    return args;
  }
}

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  let queue: TaskQueue;
  beforeAll(async () => void (store = await tempStore(kind)));
  beforeEach(async () => {
    ({ queue } = await startApp([], { ...store.options, worker: false }));
  });

  test('what looks like SQL is text', async () => {
    const app = await startApp([Odd], store.options);
    const id = `${INJECTION} 1`;
    const meta = { [INJECTION]: INJECTION };
    const args = [INJECTION, { [INJECTION]: INJECTION }];
    const handle = await app.queue.enqueue(INJECTION, args, { id, meta });
    expect(await handle.result(patience)).toEqual(args);
    const task = await app.queue.getTask(id);
    expect(task).toMatchObject({
      id,
      name: INJECTION,
      queue: INJECTION,
      meta,
      progress: INJECTION,
    });
    expect((await app.queue.getLog(id)).map(({ line }) => line)).toEqual([INJECTION]);
    expect(await app.queue.cancel(id)).toBe('completed');
  });

  test('a task can call what was registered and nothing that every object has', async () => {
    const app = await startApp([Odd], store.options);
    const inherited = await app.queue.enqueue('toString', [], { priority: 100 });
    for (const name of ['__proto__', 'constructor']) {
      expect(await (await app.queue.enqueue(name)).result(patience)).toBe(name);
    }
    expect(await app.queue.getTask(inherited.id)).toMatchObject({ status: 'queued', attempt: 0 });
    const [worker] = await app.queue.workers();
    expect(Object.entries(worker!.limits)).toEqual([
      ['__proto__', 1],
      ['constructor', 1],
    ]);
  });

  test('meta may have any key', async () => {
    const meta = JSON.parse('{"__proto__":"a","constructor":"b\\u0000\\ud800"}') as {};
    const { id } = await queue.enqueue('Elsewhere.do', [], { meta });
    const task = await queue.getTask(id);
    expect(Object.entries(task!.meta)).toEqual(Object.entries(meta));
    expect(Object.getPrototypeOf(task!.meta)).toBe(Object.prototype);
  });

  test.each<[what: string, id: unknown]>([
    ['NUL', 'a\0b'],
    ['half a character', 'a\ud800b'],
    ['two lines', 'a\nerror It was me'],
    ['a megabyte', 'x'.repeat(1024 * 1024)],
    ['nothing', undefined],
    ['an object', { id: 1 }],
    ['an object without a prototype', Object.create(null)],
    ['a list', ['a', 'b']],
  ])('there is no task whose id is %s', async (_, given) => {
    const id = given as string;
    await queue.enqueue('Elsewhere.do', [], { id: 'a' });
    expect(await queue.getTask(id)).toBeNull();
    for (const ask of [
      () => queue.getResult(id, { timeout: 0 }),
      () => queue.getLog(id),
      () => queue.cancel(id),
      () => queue.explain(id),
    ]) {
      const refusal: unknown = await ask().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TaskNotFoundError);
      expect((refusal as Error).message).not.toContain('\n');
      expect((refusal as Error).message.length).toBeLessThan(300);
    }
    expect(await queue.getTask('a')).toMatchObject({ status: 'queued' });
  });

  test('what the database refuses is told without the arguments', async () => {
    const sql = await store.sql();
    await sql.run(REFUSING[kind]);
    await sql.close();
    const dataSource = await new DataSource(typeOrmOptions(store.options)).initialize();
    const enqueue = (manager?: EntityManager) =>
      queue.enqueue('Elsewhere.do', ['secret'], { queue: 'refused', manager });
    for (const call of [() => enqueue(), () => dataSource.transaction(enqueue)]) {
      const refusal: unknown = await call().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(BackendError);
      expect(whole(refusal)).not.toContain('secret');
    }
    await dataSource.destroy();
  });
});

describe.each(stores().filter((kind) => kind !== 'sqlite'))('on %s', (kind) => {
  test.each<[what: string, change: (url: URL) => unknown]>([
    ['no such user', (url) => (url.username = 'nobody')],
    ['no such database', (url) => (url.pathname = '/nowhere')],
  ])('a server is told of without the password: %s', async (_, change) => {
    const { options } = await tempStore(kind);
    const url = new URL('url' in options ? options.url : '');
    url.password = 'secret';
    change(url);
    const logger = new Lines();
    const backend = new TypeOrmBackend({ url: String(url), logger });
    const refusal: unknown = await backend.open().catch((error: unknown) => error);
    await backend.close();
    expect(refusal).toBeInstanceOf(BackendError);
    expect((refusal as BackendError).message).toContain(`${url.host}${url.pathname} cannot be`);
    expect(whole(refusal) + logger.all.join('\n')).not.toContain('secret');
  });

  test('the name of a role that looks like SQL is a name', async () => {
    const store = await tempStore(kind);
    await startApp([], { ...store.options, worker: false });
    const role = `\\'"; DROP TABLE sitq_task; -- `;
    const quoted =
      kind === 'postgres'
        ? `"\\'""; DROP TABLE sitq_task; -- "`
        : `'\\\\''"; DROP TABLE sitq_task; -- '@'%'`;
    const what = kind === 'postgres' ? 'ROLE' : 'USER';
    const sql = await store.sql();
    await sql.run(`CREATE ${what} ${quoted}`);
    try {
      const { out } = await runCli(['schema', '--type', kind, '--grants', role]);
      await sql.run(...out.trimEnd().split(';\n'));
      expect(await sql.query('SELECT count(*) AS n FROM sitq_task')).toEqual([{ n: 0 }]);
    } finally {
      if (kind === 'postgres') await sql.run(`DROP OWNED BY ${quoted}`);
      await sql.run(`DROP ${what} ${quoted}`);
      await sql.close();
    }
  });
});

const CHECK = `ALTER TABLE sitq_task ADD CONSTRAINT of_ours CHECK (queue <> 'refused')`;
/** Makes a table refuse the tasks of a queue. */
const REFUSING: Readonly<Record<StoreKind, string>> = {
  sqlite: `CREATE TRIGGER of_ours BEFORE INSERT ON sitq_task WHEN new.queue = 'refused'
    BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  postgres: CHECK,
  mysql: CHECK,
  mariadb: CHECK,
};

/** As Nest logs an error that nobody has caught. */
function whole(error: unknown): string {
  return inspect(error, { depth: 10, maxStringLength: null });
}

describe('an error that is logged whole', () => {
  const unkeepable = { card: 'secret', save: () => 1 };
  const throwing = {
    card: 'secret',
    get save(): never {
      throw Object.create(null);
    },
  };

  test.each<[what: string, call: (queue: TaskQueue) => Promise<unknown>]>([
    ['cannot be kept', (queue) => queue.enqueue('x', [unkeepable])],
    ['cannot be read', (queue) => queue.enqueue('x', [throwing])],
    ['are too large', (queue) => queue.enqueue('x', ['secret'.repeat(200_000)])],
    ['are no list', (queue) => queue.enqueue('x', { card: 'secret' } as never)],
    ['are no list of lists', (queue) => queue.enqueueMany('x', [{ card: 'secret' } as never])],
  ])('has nothing of arguments that %s', async (_, call) => {
    const { queue } = await startApp([], { worker: false });
    const refusal: unknown = await call(queue).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SitqError);
    expect(whole(refusal)).not.toContain('secret');
  });

  const url = 'postgres://ann:secret@127.0.0.1/shop';
  test.each<[what: string, options: object]>([
    ['the URL is an object', { type: 'postgres', url: new URL(url) }],
    ['the URL has another name', { connectionString: url }],
    ['the URL is of another kind', { url: url.replace('postgres', 'redis') }],
    ['the URL is the kind', { type: url }],
    ['the URL is the name of a DataSource', { dataSource: url }],
    ['the password has another name', { type: 'postgres', passwort: 'secret' }],
    ['the password is for a file', { database: 'x', password: 'secret' }],
    ['the password is in an object', { type: 'postgres', credentials: { password: 'secret' } }],
    ['the password is in the host', { type: 'postgres', host: { password: 'secret' } }],
    ['a backend was given, too', { backend: new EightMethodsBackend(), url }],
  ])('has no password though %s', async (_, options) => {
    const imports = [SitqModule.forRoot(options as SitqOptions)];
    const refusal: unknown = await startModule({ imports }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(whole(refusal)).not.toContain('secret');
  });
});

describe('names of tables', () => {
  test.each<[option: string, given: object]>(
    [
      `a"b`,
      'a`b',
      `a'b`,
      'a;b',
      'a b',
      'a.b',
      'a-b',
      'a\n',
      '1a',
      'é',
      '',
      'x'.repeat(26),
      5,
      ['a'],
      { toString: () => 'a' },
    ].flatMap((name): [string, object][] => [
      ['tablePrefix', { database: ':memory:', tablePrefix: name }],
      ['tablePrefix', { type: 'mysql', database: 'x', tablePrefix: name }],
      ['schema', { type: 'postgres', schema: name }],
    ]),
  )('are letters, digits and _ (%s: %j)', (option, given) => {
    const create = () => new TypeOrmBackend(given);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(new RegExp(`${option} is .*Give a name that begins with a letter or _`));
  });
});

test('a doorbell that is a link is not followed', async () => {
  const database = tempFile();
  const precious = tempFile('precious');
  writeFileSync(precious, 'precious');
  symlinkSync(precious, `${database}-doorbell`);
  const { queue, lines } = await startApp([], { database, worker: false });
  await queue.enqueue('Elsewhere.do');
  expect(readFileSync(precious, 'utf8')).toBe('precious');
  expect(lines.ofSitq).toContainEqual(expect.stringMatching(/^warn The doorbell .*ELOOP/));
});

describe('the package', () => {
  const root = new URL('..', import.meta.url);

  test('brings four others', () => {
    const text = readFileSync(new URL('package.json', root), 'utf8');
    const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies)).toEqual(['commander', 'devalue', 'ms', 'uuid']);
  });

  test('opens no port, starts no process and makes no code of text', () => {
    const lib = new URL('lib/', root);
    const files = readdirSync(lib, { recursive: true, encoding: 'utf8' });
    const suspects = files
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => SUSPICIOUS.test(readFileSync(new URL(file, lib), 'utf8')));
    // Threads whose script is a constant text of our own.
    expect(suspects.sort()).toEqual([
      'backends/typeorm/backup/copy-database.ts',
      'worker/heartbeat/heartbeat-thread.ts',
    ]);
  });
});

const SUSPICIOUS =
  /@Controller\(|createServer|node:(https?|http2|dgram|vm|child_process)'|\beval\b|new Function/;
