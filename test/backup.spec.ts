import { BackendError, TypeOrmBackend, type TaskQueue } from 'nestjs-sitq';
import Database from 'better-sqlite3';

import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { ReplacedFile } from '../lib/backends/typeorm/backup/replaced-file.js';
import { TableNames } from '../lib/backends/typeorm/table-names.js';
import { lockFile } from '../lib/backends/typeorm/backup/file-lock.js';
import { Scene, until } from './app/processes/scene.js';
import { runCli, spawnCli } from './app/run-cli.js';
import { createStore, stores } from './app/stores.js';

const patience = { timeout: '20s' } as const;

let scene: Scene;
beforeEach(() => void (scene = new Scene()));
afterEach(() => scene.close());

function sitq(command: string, ...args: string[]) {
  return runCli([command, ...args, '--database', scene.database]);
}

function backendOf(queue: TaskQueue): TypeOrmBackend {
  return queue.backend as TypeOrmBackend;
}

/** What is in a file that stands alone: beside it there is nothing to read. */
function idsIn(file: string): string[] {
  expect(beside(file)).toEqual([]);
  const ids = idsOf(file);
  expect(beside(file)).toEqual([]);
  return ids;
}

/** What is in a sound database. */
function idsOf(file: string): string[] {
  const copy = new Database(file, { readonly: true });
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
  const ids = copy.prepare<[], string>('SELECT id FROM sitq_task ORDER BY id').pluck().all();
  copy.close();
  return ids;
}

function beside(file: string): string[] {
  const name = file.slice(scene.folder.length + 1);
  return readdirSync(scene.folder).filter((each) => each.startsWith(name) && each !== name);
}

/** A store with these tasks, closed again. */
async function storeWith(...ids: string[]): Promise<void> {
  const app = await scene.queue();
  for (const id of ids) await app.enqueue('ProcessTasks.work', [0], { id });
  await backendOf(app).close();
}

describe('a backup', () => {
  test('of a store in use has all that was acknowledged before, and ends while others write', async () => {
    const queue = await scene.queue();
    const numbers = Array.from({ length: 3100 }, (_, n) => [n, 'x'.repeat(1000)]);
    const id = ([n]: [number, string]) => `before-${n}`;
    await queue.enqueueMany('Nobody.has', numbers as never, { id: id as never });
    const writer = await scene.producer('writer').ready();
    await writer.ask('produce');

    const file = scene.path('backup.sqlite');
    const progress: { pages: number; remaining: number }[] = [];
    const before = scene.readJournal().length;
    const backup = await backendOf(queue).backup(file, {
      onProgress: (each) => void progress.push(each),
    });
    expect(backup).toEqual({ file, bytes: statSync(file).size });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const pages = progress.at(-1)!.pages;
    expect(pages).toBeGreaterThan(800);
    expect(progress.map(({ remaining }) => remaining)).toEqual(
      progress.map((_, n) => pages - 256 * n).filter((left) => left > 0),
    );
    await until(() => scene.readJournal().length > before + 20);

    const ids = new Set(idsIn(file));
    expect(ids.size).toBeGreaterThanOrEqual(3100);
    expect(numbers.filter(([n]) => !ids.has(`before-${n}`))).toEqual([]);
  });

  test('replaces nothing, unless it is told to', async () => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    writeFileSync(file, 'mine');
    const refused = await sitq('backup', file);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/^error: There is a file .*backup.sqlite already\. Give another/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await sitq('backup', file, '--force')).toMatchObject({ code: 0, err: '' });
    expect(idsIn(file)).toEqual(['a']);
  });

  test.each<[what: string, target: () => string]>([
    ['the database', () => scene.database],
    ['a link to it', () => (symlinkSync(scene.database, scene.path('link')), scene.path('link'))],
    ['its other name', () => (linkSync(scene.database, scene.path('same')), scene.path('same'))],
    ['its log', () => `${scene.database}-wal`],
    ['its doorbell', () => `${scene.database}-doorbell`],
  ])('is not written over %s', async (_, target) => {
    await storeWith('a');
    const { code, err } = await sitq('backup', target(), '--force');
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/belongs to the database .* another name/),
    ]);
    expect(idsOf(scene.database)).toEqual(['a']);
  });

  test('is not put beside the log of another database', async () => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    writeFileSync(`${file}-wal`, 'frames');
    const { err } = await sitq('backup', file, '--force');
    expect(err).toMatch(/There is .*backup.sqlite-wal, which SQLite would take for a part of/);
    expect(existsSync(file)).toBe(false);
  });

  test('that is given up, or cannot be written, leaves nothing behind', async () => {
    const queue = await scene.queue();
    await queue.enqueueMany(
      'Nobody.has',
      Array.from({ length: 1000 }, () => ['x'.repeat(2000)]),
    );
    const before = readdirSync(scene.folder);
    const file = scene.path('backup.sqlite');
    const giveUp = new AbortController();
    const reason = new Error('no longer wanted');
    const backup = backendOf(queue).backup(file, {
      signal: giveUp.signal,
      onProgress: () => giveUp.abort(reason),
    });
    await expect(backup).rejects.toBe(reason);
    const mistake = backendOf(queue).backup(file, {
      onProgress: () => {
        throw reason;
      },
    });
    await expect(mistake).rejects.toBe(reason);
    await expect(backendOf(queue).backup(scene.path('no/folder'))).rejects.toThrow(
      /There is no folder .*no\. Make it first/,
    );
    await expect(backendOf(queue).backup(scene.folder)).rejects.toThrow(/is a folder/);
    await expect(backendOf(queue).backup(file, { forced: true } as never)).rejects.toThrow(
      /no option 'forced'/,
    );
    await expect(backendOf(queue).backup(`/proc/${'x'.repeat(10)}`)).rejects.toThrow(
      /^\/proc\/x+ cannot be written: /,
    );
    expect(readdirSync(scene.folder)).toEqual(before);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ended by %s leaves nothing behind', async (signal) => {
    const queue = await scene.queue();
    const large = Array.from({ length: 100 }, () => ['x'.repeat(1_000_000)]);
    await queue.enqueueMany('Nobody.has', large);
    const before = readdirSync(scene.folder);
    const hasBegun = () => readdirSync(scene.folder).some((name) => name.endsWith('.partial'));
    const args = ['backup', scene.path('backup.sqlite'), '--database', scene.database];
    const { code, err } = await spawnCli(args, {}, async (process) => {
      await until(hasBegun);
      process.kill(signal);
    });
    expect({ code, err }).toEqual({
      code: 2,
      err: `error: Interrupted: ${signal} ended it. Nothing has changed.\n`,
    });
    expect(readdirSync(scene.folder)).toEqual(before);
  });

  test('does not remove the log under a process that has lost its locks', async () => {
    const queue = await scene.queue();
    await queue.enqueue('Nobody.has', [], { id: 'a' });
    closeSync(openSync(scene.database, 'r')); // takes away the locks of this process
    expect((await sitq('backup', scene.path('backup.sqlite'))).code).toBe(0);
    expect(idsIn(scene.path('backup.sqlite'))).toEqual(['a']);
    expect(existsSync(`${scene.database}-wal`)).toBe(true);
    await queue.enqueue('Nobody.has', [], { id: 'b' });
    const another = new TypeOrmBackend({ database: scene.database });
    await another.open();
    expect(await another.getTask('b')).not.toBeNull();
    await another.close();
  });

  test('of a database in memory is refused, and so is one after the end', async () => {
    const backend = new TypeOrmBackend({ database: ':memory:' });
    await expect(backend.backup('x')).rejects.toMatchObject({ code: 'SITQ_QUEUE_CLOSED' });
    await backend.open();
    await expect(backend.backup('x')).rejects.toThrow(/in memory has no file/);
    await backend.close();
    await expect(backend.backup('x')).rejects.toMatchObject({ code: 'SITQ_QUEUE_CLOSED' });
  });
});

describe('a restore', () => {
  /** A backup with a task that waits, one that runs, and one that has ended. */
  async function backUpRunning(): Promise<string> {
    const worker = await scene.worker('first', { lease: '2s', concurrency: 2 }).ready();
    const queue = await scene.queue();
    await queue.enqueue('ProcessTasks.work', [0], { id: 'ended' });
    await queue.getResult('ended', patience);
    await queue.enqueue('ProcessTasks.hold', [], { id: 'running' });
    await worker.handler('start', 'running');
    await queue.enqueue('ProcessTasks.work', [0], { id: 'waiting', queue: 'other', delay: '1h' });
    const file = scene.path('backup.sqlite');
    await backendOf(queue).backup(file);
    await queue.enqueue('ProcessTasks.work', [0], { id: 'later' });
    await queue.getResult('later', patience);
    worker.kill('SIGKILL');
    await worker.exit;
    await backendOf(queue).close();
    return file;
  }

  test('brings back what was there, keeps what is there, and what ran is run again', async () => {
    const file = await backUpRunning();
    chmodSync(scene.database, 0o640);
    await until(async () => (await sitq('restore', file)).code === 0); // the dead may be thought alive
    expect(statSync(scene.database).mode & 0o777).toBe(0o640);
    expect(existsSync(file)).toBe(true);

    const kept = beside(scene.database).find((name) => /\.before-\w+Z$/.test(name));
    expect(idsIn(scene.path(kept!))).toEqual(['ended', 'later', 'running', 'waiting']);

    const queue = await scene.queue();
    expect(await queue.getTask('later')).toBeNull();
    expect(await queue.getTask('ended')).toMatchObject({ status: 'completed' });
    expect(await queue.getTask('waiting')).toMatchObject({ status: 'queued' });
    const worker = await scene.worker('second', { lease: '2s' }).ready();
    await worker.handler('start', 'running', 2);
    await worker.ask('release', 'running');
    expect(await queue.getResult('running', patience)).toMatchObject({ status: 'success' });
  });

  test('says what it did', async () => {
    await storeWith('a', 'b');
    const file = scene.path('backup.sqlite');
    expect((await sitq('backup', file)).out).toBe(`saved  ${file}, ${statSync(file).size} bytes\n`);
    const { code, out, err } = await sitq('restore', file);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^restored {2}\S+: 2 queued\nWhat was there before is kept in \S+Z\n$/);
  });

  test('is refused while a process has it open, one that only enqueues too', async () => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    await sitq('backup', file);
    const producer = await scene.producer('producer').ready();
    const before = readFileSync(scene.database);
    const names = readdirSync(scene.folder);
    const { code, err } = await sitq('restore', file);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(new RegExp(`is in use: .* ${producer.pid} \\(node\\)`)),
    ]);
    expect(readdirSync(scene.folder)).toEqual(names);
    expect(readFileSync(scene.database)).toEqual(before);
    producer.kill('SIGKILL');
    await producer.exit;
    expect((await sitq('restore', file)).code).toBe(0);
  });

  test('sees a process that has it open by its lock, too', async () => {
    await storeWith('a');
    const db = scene.sql();
    db.prepare('SELECT 1 FROM sqlite_master').get();
    expect(lockFile(scene.database)).toBeNull();
    db.close();
    const lock = lockFile(scene.database)!;
    await lock.backup(scene.path('copy'));
    expect(() => new Database(scene.database, { timeout: 0 }).pragma('user_version')).toThrow(
      /locked/,
    );
    lock.close();
    expect(beside(scene.database)).toEqual(['tasks.sqlite-doorbell']);
  });

  test('is refused while a worker elsewhere may be alive', async () => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    await sitq('backup', file);
    const register = (expiresAt: number) => {
      const db = scene.sql();
      db.prepare(
        `REPLACE INTO sitq_worker (id, host, pid, handlers, lease, expires_at, started_at)
         VALUES ('w', 'elsewhere', 7, '[]', 1000, ?, 1)`,
      ).run(expiresAt);
      db.close();
    };
    register(Date.now() + 60_000);
    expect((await sitq('restore', file)).err).toMatch(
      /is in use: worker w \(elsewhere, pid 7\) may be alive until 20/,
    );
    register(1);
    expect((await sitq('restore', file)).code).toBe(0);
  });

  test('leaves nothing to go on in to whoever opens the old file at the last moment', async () => {
    await storeWith('a');
    const draft = scene.path('draft.sqlite');
    await sitq('backup', draft);
    const going = new ReplacedFile(
      scene.database,
      new TableNames('sitq_', undefined, '"'),
    ).replaceBy(draft);
    const late = new Database(scene.database, { timeout: 0 });
    expect(() => late.pragma('user_version')).toThrow(/locked/);
    const kept = await going;
    expect(() => late.pragma('user_version')).toThrow(/not a database/);
    late.close();
    expect(idsIn(kept!)).toEqual(['a']);
    expect(idsOf(scene.database)).toEqual(['a']);
  });

  test('leaves a file alone that has another name', async () => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    await sitq('backup', file);
    linkSync(scene.database, scene.path('another-name'));
    expect((await sitq('restore', file)).code).toBe(0);
    expect(idsIn(scene.path('another-name'))).toEqual(['a']);
  });

  test.each<[what: string, spoil: (database: string) => void]>([
    ['is missing', (database) => rmSync(database)],
    ['is no database', (database) => writeFileSync(database, 'x'.repeat(10_000))],
    ['is empty', (database) => truncateSync(database)],
    ['is damaged', (database) => damage(database)],
  ])('where the old one %s and a log is left', async (what, spoil) => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    await sitq('backup', file);
    spoil(scene.database);
    writeFileSync(`${scene.database}-wal`, 'old frames');
    const { code, err } = await sitq('restore', file);
    expect([code, err]).toEqual([0, '']);
    expect(readdirSync(scene.folder)).not.toContain('tasks.sqlite-wal');
    const again = await scene.queue();
    expect(await again.getTask('a')).toMatchObject({ status: 'queued' });
    const kept = readdirSync(scene.folder).filter((name) => /\.before-\w+$/.test(name));
    expect(kept).toHaveLength(what === 'is missing' ? 0 : 1);
  });

  test.each<[what: string, make: (file: string) => void, message: RegExp]>([
    ['is missing', () => undefined, /There is no file .*backup\.sqlite\./],
    ['is no database', (file) => writeFileSync(file, 'x'.repeat(9000)), /not a database/],
    ['is empty', (file) => writeFileSync(file, ''), /has no tables of sitq whose names begin with/],
    ['is damaged', (file) => (copyFileSync(scene.database, file), damage(file)), /is damaged: /],
    [
      'is newer',
      (file) => {
        copyFileSync(scene.database, file);
        new Database(file)
          .exec(
            "INSERT INTO sitq_migration (timestamp, name) VALUES (4102444800000, 'X4102444800000')",
          )
          .close();
      },
      /newer than this version/,
    ],
    ['is the database', (file) => linkSync(scene.database, file), /is the database itself/],
  ])('is refused when the backup %s', async (_, make, message) => {
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    make(file);
    const names = readdirSync(scene.folder);
    const { code, err } = await sitq('restore', file);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(err.trimEnd()).not.toContain('\n');
    expect(readdirSync(scene.folder).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(names);
    expect(idsOf(scene.database)).toEqual(['a']);
  });

  test('goes where a link leads to', async () => {
    mkdirSync(scene.path('disk'));
    symlinkSync(scene.path('disk/real.sqlite'), scene.database);
    writeFileSync(scene.path('disk/real.sqlite'), '');
    await storeWith('a');
    const file = scene.path('backup.sqlite');
    await sitq('backup', file);
    await sitq('restore', file);
    expect(statSync(scene.path('disk/real.sqlite')).size).toBe(statSync(scene.database).size);
    const queue = await scene.queue();
    expect(await queue.getTask('a')).not.toBeNull();
  });
});

/** Makes two rows of an index stand in the wrong order: what only a check of all of it sees. */
function damage(file: string): void {
  const db = new Database(file).unsafeMode();
  const insert = db.prepare(
    `INSERT INTO sitq_task (id, name, queue, eta, payload, created_at) VALUES (?, 'x', 'x', 1, '[]', 1)`,
  );
  for (let n = 0; n < 100; n += 1) insert.run(`damaged-${n}`);
  db.pragma('writable_schema = ON');
  db.exec(
    `UPDATE sqlite_master SET sql = replace(sql, '("id")', '("name")') WHERE name = 'sitq_task_id'`,
  );
  db.close();
}

describe.each(stores().filter((kind) => kind !== 'sqlite'))('on %s', (kind) => {
  test('both name the tools of the server and the tables', async () => {
    const store = await createStore(kind);
    const backend = new TypeOrmBackend(store.options);
    await backend.open();
    const refused = await backend.backup('x').catch((error: unknown) => error as BackendError);
    expect(refused).toBeInstanceOf(BackendError);
    const tool =
      kind === 'postgres' ? /pg_dump --format=custom --file=FILE/ : /(mariadb-|mysql)dump/;
    expect((refused as Error).message).toMatch(tool);
    for (const table of ['task', 'worker', 'log', 'progress', 'migration']) {
      expect((refused as Error).message).toMatch(new RegExp(`[ =]sitq_${table} `));
    }
    const { url } = store.options as { url: string };
    for (const command of ['backup', 'restore']) {
      const { code, err } = await runCli([command, 'x', '--url', url]);
      expect([code, err]).toEqual([2, `error: ${(refused as Error).message}\n`]);
    }
    await backend.close();
    await store.drop();
  });
});
