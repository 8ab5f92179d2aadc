import { TypeOrmBackend, type NewTask, type SitqLogger } from 'nestjs-sitq';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { OpenFile } from '../lib/backends/typeorm/dialect/sqlite/open-file.js';
import { isSingleFileMount } from '../lib/backends/typeorm/dialect/sqlite/single-file-mount.js';
import { eventually } from './app/eventually.js';
import { Scene } from './app/processes/scene.js';
import { tempDirectory, tempFile } from './app/temp-file.js';

/** What a program of its own does with a file: the driver's `Database` and `file` are there. */
const program = (script: string) => `
  const Database = require('better-sqlite3');
  const file = process.argv[1];
  ${script}`;

/** Opens it, reads, and closes it again, as `sqlite3 tasks.sqlite .tables` does. */
const LOOK = `
  const db = new Database(file);
  db.prepare('SELECT count(*) FROM sqlite_master').get();
  db.close();`;

/** Tries to take the file for itself at each line that it is told, as the last user does; then lets go. */
const HOLD = `
  let isHeld = false;
  require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
    if (isHeld) process.exit();
    const db = new Database(file, { timeout: 0 });
    try {
      db.pragma('locking_mode = EXCLUSIVE');
      db.exec('BEGIN IMMEDIATE; COMMIT');
      isHeld = true;
    } catch {
      db.close();
    }
    console.log(isHeld);
  });`;

/** Runs another program on the file to its end. */
function elsewhere(file: string, script: string): string {
  const args = ['-e', program(script), file];
  const { status, stdout, stderr } = spawnSync('node', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** The tasks that somebody finds who opens the file now, and that it is not damaged. */
function stored(file: string, column = 'id'): string[] {
  const script = `
    const db = new Database(file);
    const damage = db.pragma('integrity_check', { simple: true });
    if (damage !== 'ok') throw new Error(damage);
    console.log(JSON.stringify(db.prepare('SELECT ${column} FROM sitq_task ORDER BY id').pluck().all()));`;
  return JSON.parse(elsewhere(file, script)) as string[];
}

/** The same without the log that is beside the file. */
function storedIn(file: string): string[] {
  const copy = tempFile();
  copyFileSync(file, copy);
  return stored(copy);
}

/** SQLite's locks on all of its files go with it, as with any descriptor that is closed. */
function copyAll(file: string): void {
  cpSync(dirname(file), tempDirectory(), { recursive: true });
}

function task(id: string): NewTask {
  const options = { priority: 0, eta: 0, maxAttempts: 3, timeout: null, backoff: null };
  const more = { meta: null, createdAt: Date.now() };
  return { id, name: 'Mail.send', queue: 'default', payload: '[]', ...options, ...more };
}

const TEN = Array.from({ length: 10 }, (_, n) => `task-${n}`);

async function enqueueTen(backend: TypeOrmBackend): Promise<void> {
  for (const id of TEN) await backend.enqueueTask(task(id));
}

const backends: TypeOrmBackend[] = [];
const others: ChildProcess[] = [];
let lines: string[] = [];

async function open(database: string): Promise<TypeOrmBackend> {
  const keep = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const logger: SitqLogger = {
    log: keep('log'),
    warn: keep('warn'),
    error: keep('error'),
    debug: keep('debug'),
  };
  const backend = new TypeOrmBackend({ database, logger });
  backends.push(backend);
  await backend.open();
  return backend;
}

const said = (pattern: RegExp) => eventually(async () => lines.some((line) => pattern.test(line)));

beforeEach(() => void (lines = []));
afterEach(async () => {
  for (const other of others.splice(0)) other.kill('SIGKILL');
  await Promise.all(backends.splice(0).map((backend) => backend.close()));
});

describe('when the application has copied its own file and another program opens it', () => {
  test('nothing is lost that is acknowledged from then on', async () => {
    const file = tempFile();
    const backend = await open(file);
    await backend.enqueueTask(task('before'));
    copyAll(file);
    elsewhere(file, LOOK);
    await enqueueTen(backend);
    expect(stored(file)).toEqual(['before', ...TEN]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^error The log of the database .* removed/),
    );
  });

  test('the locks are there again before it does, and its log stays', async () => {
    const file = tempFile();
    const backend = await open(file);
    await backend.enqueueTask(task('before'));
    copyAll(file);
    await said(/^warn Something in this process has opened and closed .* taken again/);
    elsewhere(file, LOOK);
    expect(existsSync(`${file}-wal`)).toBe(true);
    await enqueueTen(backend);
    expect(stored(file)).toEqual(['before', ...TEN]);
  });

  test('a run that is under way ends in the file that is there, under its lease', async () => {
    const file = tempFile();
    const backend = await open(file);
    await backend.enqueueTask(task('run'));
    await backend.registerWorker(WORKER, BEAT);
    const [run] = await backend.reserveTask(WORKER.id);
    copyAll(file);
    elsewhere(file, LOOK);
    expect(await backend.renewWorker(WORKER.id, BEAT)).toBe(true);
    await backend.storeResult('run', { status: 'success', lease: run!.lease, value: '1' });
    expect(stored(file, 'status')).toEqual(['completed']);
  });

  test('nothing is acknowledged while that program takes itself for the last user', async () => {
    const file = tempFile();
    const backend = await open(file);
    await backend.registerWorker(WORKER, BEAT);
    await backend.enqueueTask(task('before'));
    const other = spawn('node', ['-e', program(HOLD), file]);
    others.push(other);
    await eventually(async () => {
      copyAll(file);
      other.stdin.write('hold\n');
      const [answer] = (await once(other.stdout, 'data')) as [Buffer];
      return String(answer).startsWith('true');
    });
    let acknowledged = false;
    const enqueued = backend.enqueueTask(task('meanwhile')).then(() => (acknowledged = true));
    const claimed = backend.reserveTask(WORKER.id, { maxTasks: 2 });
    await said(/^error Another program holds the database .* for itself/);
    expect(acknowledged).toBe(false);
    other.stdin.write('go on\n');
    await once(other, 'exit');
    await enqueued;
    const ids = (await claimed).map(({ id }) => id);
    expect(ids.toSorted()).toEqual(['before', 'meanwhile']);
    expect(stored(file)).toEqual(['before', 'meanwhile']);
  });

  test('the log of a store that has opened anew is not taken for the removed one', () => {
    const path = tempFile();
    const [wal, shm] = [`${path}-wal`, `${path}-shm`];
    for (const each of [path, wal, shm]) writeFileSync(each, '');
    const descriptors = [wal, shm].map((each) => openSync(each, 'r'));
    const file = new OpenFile(path);
    file.remember();
    expect(file.isRemovedLogOpenHere).toBe(false);
    // A new file may get the number of a removed one, here each that of the other.
    renameSync(wal, `${path}-away`);
    renameSync(shm, wal);
    renameSync(`${path}-away`, shm);
    expect(file.isLogInPlace).toBe(false);
    expect(file.isRemovedLogOpenHere).toBe(false);
    rmSync(wal);
    expect(file.isRemovedLogOpenHere).toBe(true);
    for (const each of descriptors) closeSync(each);
    file.forget();
  });

  test('two stores of one process open the file anew, both', async () => {
    const file = tempFile();
    const [one, other] = [await open(file), await open(file)];
    await one.enqueueTask(task('before'));
    copyAll(file);
    elsewhere(file, LOOK);
    await Promise.all([one.enqueueTask(task('one')), other.enqueueTask(task('other'))]);
    expect(stored(file)).toEqual(['before', 'one', 'other']);
  });
});

describe('beside a DataSource of the application on the same file', () => {
  let shop: DataSource;
  let file: string;
  let backend: TypeOrmBackend;
  beforeEach(async () => {
    file = tempFile();
    backend = await open(file);
    shop = await new DataSource({ type: 'better-sqlite3', database: file }).initialize();
    await shop.query('SELECT count(*) FROM sitq_task');
    await backend.enqueueTask(task('before'));
  });
  afterEach(() => shop.destroy());

  test('a copy is told of, and each commit looked after', async () => {
    copyAll(file);
    await said(/^warn Something in this process .* Another connection of this process prevents/);
    await enqueueTen(backend);
    expect(stored(file)).toEqual(['before', ...TEN]);
  });

  test('a removed log is refused until the application has closed it', async () => {
    copyAll(file);
    elsewhere(file, LOOK);
    const refused = backend.enqueueTask(task('refused'));
    await expect(refused).rejects.toThrow(/other connections of this process .* Close them/);
    await expect(refused).rejects.toMatchObject({ transient: true });
    await shop.destroy();
    shop = await new DataSource({ type: 'better-sqlite3', database: file }).initialize();
    await enqueueTen(backend);
    expect(stored(file)).toEqual(['before', ...TEN]);
  });
});

describe('a file that is in use and', () => {
  let file: string;
  let backend: TypeOrmBackend;
  beforeEach(async () => {
    file = tempFile();
    backend = await open(file);
    await backend.enqueueTask(task('before'));
  });

  const REFUSED = { name: 'BackendError', transient: true };

  test('is removed with all that is beside it: is refused, said without a call, and not made anew', async () => {
    for (const name of readdirSync(dirname(file))) rmSync(join(dirname(file), name));
    await said(/^error The database file .* was removed while it was in use\. Put it back/);
    await expect(backend.enqueueTask(task('lost'))).rejects.toMatchObject(REFUSED);
    await expect(backend.getTask('before')).rejects.toMatchObject(REFUSED);
    await backend.close();
    expect(existsSync(file)).toBe(false);
  });

  test('is removed: what it had can be saved, and is used again when it is back', async () => {
    const away = tempFile();
    renameSync(file, away);
    await said(/^error The database file .* was removed/);
    await expect(backend.enqueueTask(task('lost'))).rejects.toMatchObject(REFUSED);
    expect(storedIn(away)).toEqual(['before']); // nothing of it was left in the log
    renameSync(away, file);
    await enqueueTen(backend);
    expect(lines).toContainEqual(expect.stringMatching(/^log .* is in use again/));
    expect(stored(file)).toEqual(['before', ...TEN]);
  });

  test('is removed for good: its content is where the log says', async () => {
    rmSync(file);
    await said(/was removed/);
    const [, from] = /copied from (\S+) while/.exec(lines.join('\n'))!;
    expect(storedIn(from!)).toEqual(['before']);
  });

  test('is replaced by a backup: is refused, and the backup is not touched by the old log', async () => {
    const backup = tempFile();
    await (await open(backup)).enqueueTask(task('restored'));
    await backends.pop()!.close();
    await enqueueTen(backend); // stand in the log
    renameSync(backup, file);
    await said(/^error The database file .* was replaced by another one .* Restart this process/);
    await expect(backend.enqueueTask(task('lost'))).rejects.toMatchObject(REFUSED);
    expect(stored(file)).toEqual(['restored']);
    await backend.close();
    const restarted = await open(file);
    await restarted.enqueueTask(task('after'));
    expect(stored(file)).toEqual(['after', 'restored']);
  });

  test('is emptied: is refused', async () => {
    truncateSync(file);
    await said(/^error The database file .* was emptied .* put a backup in its place/);
    await expect(backend.enqueueTask(task('lost'))).rejects.toMatchObject(REFUSED);
  });

  test.each(['-wal', '-shm'])('loses its %s: goes on with all that it had', async (what) => {
    rmSync(`${file}${what}`);
    await enqueueTen(backend);
    await eventually(async () => existsSync(`${file}${what}`));
    expect(stored(file)).toEqual(['before', ...TEN]);
  });

  test('is refused for transactions of the application, too', async () => {
    const shop = await new DataSource({ type: 'better-sqlite3', database: file }).initialize();
    rmSync(file);
    await said(/was removed/);
    const joined = shop.transaction((manager) =>
      backend.enqueueTasksIn(manager, [task('lost')], () => true),
    );
    await expect(joined).rejects.toMatchObject(REFUSED);
    await shop.destroy();
  });
});

test('the heartbeat of a busy event loop uses no other log than its worker', async () => {
  const scene = new Scene();
  try {
    const queue = await scene.queue();
    const busy = await scene.worker('busy', { lease: 1000 }).ready();
    const gate = scene.path('gate');
    const blocked = await queue.enqueue('ProcessTasks.block', [gate]);
    await busy.handler('start', blocked.id);
    rmSync(`${scene.database}-wal`);
    await eventually(async () => busy.output.includes('could not be extended: Error: the log of'));
    writeFileSync(gate, '');
    const after = await queue.enqueue('ProcessTasks.work', [0]);
    expect(await after.result({ timeout: '30s' })).toMatchObject({ task: after.id });
    expect(stored(scene.database)).toEqual([blocked.id, after.id].toSorted());
  } finally {
    await scene.close();
  }
});

describe('a file that is mounted by itself', () => {
  const TABLE = [
    '1045 900 0:55 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a',
    '1061 1045 254:1 /srv/my\\040tasks.sqlite /data/my\\040tasks.sqlite rw - ext4 /dev/vda1 rw',
    '1062 1045 254:1 /srv/files /files rw,relatime - ext4 /dev/vda1 rw',
  ].join('\n');

  test('is recognised in the table of mounts', () => {
    expect(isSingleFileMount('/data/my tasks.sqlite', TABLE)).toBe(true);
    expect(isSingleFileMount('/files/tasks.sqlite', TABLE)).toBe(false);
  });

  test('is refused at boot, with the remedy', () => {
    if (spawnSync('unshare', ['-rm', 'true']).status !== 0) {
      return console.log('Mounts were NOT tried: this user may not make any.');
    }
    const folder = tempDirectory();
    const boot = `import { TypeOrmBackend } from ${JSON.stringify(COMPILED)};
      const backend = new TypeOrmBackend({ database: ${JSON.stringify(join(folder, 'mounted'))} });
      await backend.open().catch((error) => console.log(error.code, error.message));`;
    const mount = 'cd "$1" && touch file mounted && mount --bind file mounted';
    const run = 'exec "$2" --input-type=module --eval "$3"';
    const { stdout } = spawnSync(
      'unshare',
      ['-rm', 'sh', '-c', `${mount} && ${run}`, 'sh', folder, process.execPath, boot],
      { encoding: 'utf8' },
    );
    expect(stdout).toMatch(/^SITQ_CONFIGURATION .*mounted is mounted by itself.* Mount its folder/);
  });
});

test('a file and a link to it have one doorbell, beside the file', async () => {
  const file = tempFile();
  const link = join(tempDirectory(), 'link.sqlite');
  symlinkSync(file, link); // the file is not there yet
  const linked = await open(link);
  const direct = await open(file);
  expect(linked.database).toBe(realpathSync(file));
  const heard = new Promise((hear) => direct.onChange(hear));
  await linked.enqueueTask(task('heard'));
  expect(await heard).toEqual({ kind: 'elsewhere' });
  expect(readdirSync(dirname(link))).toEqual(['link.sqlite']);
});

/** Of `build`, which the suite makes first. */
const COMPILED = resolve('build/test/lib/index.js');

const BEAT = { lease: 60_000, inFlight: 0, stuck: 0, lingering: {}, loopLag: null };
const WORKER = {
  id: 'worker',
  host: 'here',
  pid: process.pid,
  processIdentity: null,
  version: '1',
  queues: null,
  handlers: ['Mail.send'],
  limits: {},
  concurrency: 1,
};
