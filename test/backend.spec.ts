import Database from 'better-sqlite3';
import {
  BackendError,
  ConfigurationError,
  LeaseLostError,
  QueueClosedError,
  TypeOrmBackend,
  type NewTask,
  type TypeOrmBackendOptions,
} from 'nestjs-sitq';
import { backendConformance } from 'nestjs-sitq/testing';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { mutant, MUTATIONS } from './app/mutants.js';
import { seededRandom } from './app/processes/random.js';
import { Gate } from './app/gate.js';
import { Lines } from './app/start-app.js';
import { stores, type StoreOptions } from './app/stores.js';
import { tempFile } from './app/temp-file.js';
import { tempStore } from './app/temp-store.js';

for (const kind of stores()) {
  const { options } = await tempStore(kind);

  describe(`TypeOrmBackend on ${kind} conforms`, () => {
    const made = new WeakMap<TypeOrmBackend, TypeOrmBackendOptions>();
    const open = (place: TypeOrmBackendOptions) => {
      const backend = new TypeOrmBackend(place);
      made.set(backend, place);
      return backend;
    };
    let count = 0;
    const create = () => open(placeIn(options, (count += 1)));
    const peer = (backend: TypeOrmBackend) => open(made.get(backend)!);
    for (const { name, run } of backendConformance(create, { peer })) test(name, run);
  });
}

/** A place for tasks, of its own: a file, a schema, or tables with a prefix. */
function placeIn(options: StoreOptions, n: number): TypeOrmBackendOptions {
  if ('database' in options) return { database: tempFile(), durability: 'relaxed' };
  const { type, url } = options;
  if (type === 'postgres') return { type, url, schema: `case_${n}`, durability: 'relaxed' };
  return { type, url, tablePrefix: `case_${n}_` };
}

describe('TypeOrmBackend in memory conforms', () => {
  const create = () => new TypeOrmBackend({ database: ':memory:' });
  for (const { name, run } of backendConformance(create)) test(name, run);
});

describe('a backend of eight methods conforms', () => {
  for (const { name, run } of backendConformance(() => new EightMethodsBackend())) test(name, run);
});

describe('the suite', () => {
  test('has cases with names of their own', () => {
    const names = backendConformance(() => new TypeOrmBackend()).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('asks for a capability only where the backend has it', () => {
    const groups = backendConformance(() => new EightMethodsBackend()).map(
      ({ name }) => name.split(':')[0],
    );
    expect([...new Set(groups)]).toEqual([
      'enqueueTask',
      'reserveTask',
      'updateTaskStatus',
      'storeResult',
    ]);
  });

  describe('on backends with one mistake each', () => {
    /** By mistake, the cases that fail. */
    const noticed = new Map<string, Set<string>>();

    beforeAll(async () => {
      for (const [mistake, mutation] of Object.entries(MUTATIONS)) {
        const failed = new Set<string>();
        for (const { name, run } of backendConformance(() => mutant(mutation))) {
          await run().catch(() => failed.add(name));
        }
        noticed.set(mistake, failed);
      }
    });

    test.each(Object.keys(MUTATIONS))('notices one that %s', (mistake) => {
      expect(noticed.get(mistake)?.size).toBeGreaterThan(0);
    });

    test.each(backendConformance(() => new EightMethodsBackend()))(
      'has a use for "$name"',
      ({ name }) => {
        expect([...noticed.values()].some((failed) => failed.has(name))).toBe(true);
      },
    );
  });
});

const task: NewTask = {
  id: 'task-1',
  name: 'Handlers.run',
  queue: 'default',
  payload: '[]',
  priority: 0,
  eta: 0,
  maxAttempts: null,
  timeout: null,
  backoff: null,
  meta: null,
  createdAt: 0,
};

const backends: TypeOrmBackend[] = [];
async function opened(options: TypeOrmBackendOptions): Promise<TypeOrmBackend> {
  const backend = new TypeOrmBackend(options);
  backends.push(backend);
  await backend.open();
  return backend;
}
afterEach(() => Promise.all(backends.splice(0).map((backend) => backend.close())));

describe.each(stores())('TypeOrmBackend on %s', (kind) => {
  let options: StoreOptions;
  beforeEach(async () => ({ options } = await tempStore(kind)));

  test('refuses to hand out tasks to a worker whose registration was taken away', async () => {
    const backend = await opened(options);
    const worker = {
      id: 'worker-1',
      host: 'here',
      pid: process.pid,
      processIdentity: null,
      queues: null,
      handlers: [],
      version: '1.2.3',
      limits: {},
      concurrency: 10,
    };
    await backend.registerWorker(worker, {
      lease: 60_000,
      inFlight: 0,
      stuck: 0,
      lingering: {},
      loopLag: null,
    });
    await backend.enqueueTask(task);
    const other = await opened(options);
    await other.retireWorker(worker.id);
    await expect(backend.reserveTask(worker.id)).rejects.toThrow(LeaseLostError);
    expect((await backend.getTask(task.id))?.status).toBe('queued');
  });

  test('outlives a listener that throws, and tells of it', async () => {
    const logger = new Lines();
    const backend = await opened({ ...options, logger });
    const heard: string[] = [];
    backend.onChange(() => {
      throw new Error('not now');
    });
    backend.onChange((change) => heard.push(change.kind));
    await backend.enqueueTask(task);
    expect(await backend.cancelTask(task.id)).toBe('cancelled');
    expect((await backend.getTask(task.id))?.status).toBe('cancelled');
    expect(heard).toEqual(expect.arrayContaining(['enqueued', 'settled']));
    expect(logger.all[0]).toContain('A listener of the backend failed: Error: not now');
  });

  test('claims in order from many lanes, whatever there is room for', async () => {
    const random = seededRandom(7);
    const upTo = (n: number) => Math.floor(random() * n);
    const backend = await opened(options);
    const names = ['A.run', 'B.run', 'C.run'];
    const worker = {
      id: 'worker-1',
      host: 'here',
      pid: process.pid,
      processIdentity: null,
      queues: null,
      handlers: names,
      version: '1.2.3',
      limits: {},
      concurrency: 10,
    };
    await backend.registerWorker(worker, {
      lease: 3_600_000,
      inFlight: 0,
      stuck: 0,
      lingering: {},
      loopLag: null,
    });
    const tasks = Array.from({ length: 300 }, (_, i) => ({
      ...task,
      id: `task-${i}`,
      queue: `queue-${upTo(60)}`,
      name: names[upTo(3)]!,
      priority: upTo(3) - 1,
      eta: 1000 + upTo(40),
    }));
    await backend.enqueueTasks(tasks);
    // The sort is stable: what is equal stays in the order of the enqueue.
    let waiting = tasks.toSorted((a, b) => b.priority - a.priority || a.eta - b.eta);
    for (let round = 0; waiting.length > 0; round += 1) {
      const maxTasks = [1, 2, 5, 13, 40][round % 5]!;
      const free = names.map(() => (round < 3 ? Infinity : upTo(1 + maxTasks)));
      const handlers = new Map(names.map((name, i) => [name, { free: free[i]!, maxAttempts: 3 }]));
      const expected = waiting.filter(({ name }) => (free[names.indexOf(name)]! -= 1) >= 0);
      const claimed = await backend.reserveTask(worker.id, { maxTasks, handlers });
      const ids = claimed.map(({ id }) => id);
      expect({ round, ids }).toEqual({
        round,
        ids: expected.slice(0, maxTasks).map(({ id }) => id),
      });
      waiting = waiting.filter(({ id }) => !ids.includes(id));
    }
  });
});

describe('TypeOrmBackend on a file', () => {
  const openBackend = (database = tempFile()) => opened({ database });

  test('keeps its tasks out of the transactions of the application', async () => {
    const database = tempFile();
    const backend = await openBackend(database);
    const app = await new DataSource({ type: 'better-sqlite3', database }).initialize();
    const runner = app.createQueryRunner();
    await runner.query('CREATE TABLE account (name text)');
    await runner.startTransaction();
    await runner.query(`INSERT INTO account VALUES ('ann')`);
    const enqueued = backend.enqueueTask(task);
    await sleep(30); // it must wait for the lock
    await runner.rollbackTransaction();
    await enqueued;
    await runner.release();
    await app.destroy();
    expect(await backend.getTask(task.id)).toMatchObject({ status: 'queued' });
  });

  test('leaves the event loop free while another process holds the lock', async () => {
    const database = tempFile();
    const backend = await openBackend(database);
    const other = new Database(database);
    other.exec('BEGIN IMMEDIATE');
    const enqueued = backend.enqueueTask(task);
    let longest = 0;
    for (let turn = 0; turn < 100; turn += 1) {
      const before = performance.now();
      await sleep(1);
      longest = Math.max(longest, performance.now() - before);
    }
    other.exec('COMMIT');
    other.close();
    await enqueued;
    expect(longest).toBeLessThan(2000);
    expect(await backend.getTask(task.id)).toMatchObject({ status: 'queued' });
  });

  test('does without a doorbell that cannot be opened, and says so', async () => {
    const database = tempFile();
    mkdirSync(`${database}-doorbell`);
    const lines = new Lines();
    const backend = new TypeOrmBackend({ database, logger: lines });
    backends.push(backend);
    await backend.open();
    const leave = backend.onChange(() => undefined);
    await backend.enqueueTask(task);
    leave();
    expect(await backend.getTask(task.id)).toMatchObject({ status: 'queued' });
    expect(lines.all).toEqual([
      expect.stringMatching(/doorbell .*-doorbell does not work .*EISDIR.* at their next poll\./),
    ]);
  });

  test('refuses a file that is no database, and leaves it alone', async () => {
    const database = tempFile();
    writeFileSync(database, 'Dear diary, this is not a database. '.repeat(50));
    const opening = openBackend(database);
    await expect(opening).rejects.toThrow(BackendError);
    await expect(opening).rejects.toThrow('file is not a database');
    await expect(opening).rejects.toThrow(`The database ${database} cannot be opened`);
  });

  test.each<[what: string, options: object, option: string]>([
    ['another durability', { durability: 'Full' }, 'durability'],
    ['an option that it does not know', { durabilty: 'full' }, 'durabilty'],
    ['no path', { database: 5 }, 'database'],
    ['half a clock', { clock: {} }, 'clock'],
  ])('refuses %s', (_, options, option) => {
    const create = () => new TypeOrmBackend(options);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(option);
  });

  test('does not open again once it was closed', async () => {
    const backend = await openBackend();
    await backend.close();
    await expect(backend.open()).rejects.toThrow(QueueClosedError);
    const never = new TypeOrmBackend({ database: tempFile() });
    await never.close();
    await expect(never.open()).rejects.toThrow(QueueClosedError);
    expect(existsSync(never.database)).toBe(false);
  });

  test('stores nothing of a bulk for which the disk is full, and goes on when it is not', async () => {
    const backend = await openBackend();
    const sql = async (text: string) =>
      backend['dataSource']!.query<Record<string, number>[]>(text);
    await sql('PRAGMA max_page_count = 1'); // no less than what there is already
    const payload = JSON.stringify(['x'.repeat(50_000)]);
    const bulk = Array.from({ length: 10 }, (_, i) => ({ ...task, id: `task-${i}`, payload }));
    const failure: unknown = await backend.enqueueTasks(bulk).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BackendError);
    expect(failure).toMatchObject({ transient: true });
    expect((failure as BackendError).message).toContain('SQLITE_FULL');
    expect((await backend.counts()).queued).toBe(0);

    await sql('PRAGMA max_page_count = 1073741823');
    await backend.enqueueTasks(bulk);
    expect((await backend.counts()).queued).toBe(10);
  });

  test('hears the others through a new doorbell when the old one was removed', async () => {
    const database = tempFile();
    const [here, there] = [await openBackend(database), await openBackend(database)];
    let heard = new Gate();
    here.onChange(({ kind }) => {
      if (kind === 'elsewhere') heard.open();
    });
    await there.enqueueTask(task);
    await heard.opened;

    heard = new Gate();
    rmSync(`${database}-doorbell`);
    await heard.opened; // the removal itself
    for (const id of ['task-2', 'task-3']) {
      heard = new Gate();
      await there.enqueueTask({ ...task, id });
      await heard.opened;
    }
    expect(existsSync(`${database}-doorbell`)).toBe(true);
  });
});
