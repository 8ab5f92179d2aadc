import { Injectable } from '@nestjs/common';
import { Task, TaskContext, TypeOrmBackend, type Plugin, type TaskQueue } from 'nestjs-sitq';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { from, type Observable } from 'rxjs';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { Child } from './app/processes/child.js';
import { Scene } from './app/processes/scene.js';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const SOON = { timeout: '20s' } as const;
const storage = new AsyncLocalStorage<string>();

/** Each handler tells in which context it begins, and leaves one behind. */
@Injectable()
class Tenants {
  readonly seen: (string | undefined)[] = [];
  readonly gate = new Gate();
  /** Told by listeners of the signal. */
  readonly aborted: (string | undefined)[] = [];

  constructor(private readonly run: TaskContext) {}

  @Task()
  atOnce(): void {
    this.begin();
  }

  @Task({ attempts: 1 })
  async later(): Promise<string> {
    const mine = this.begin();
    await nextTurn();
    this.run.progress(50);
    if (storage.getStore() !== mine) throw new Error(`${mine} was lost`);
    await Promise.resolve();
    storage.enterWith(`${mine} again`);
    return mine;
  }

  @Task()
  values(): Observable<string | undefined> {
    return from([this.begin()]);
  }

  @Task({
    attempts: 2,
    backoff: (_attempt, _error, { id }) => {
      storage.enterWith(`tenant of ${id} who waits`);
      return 1;
    },
  })
  failing(): void {
    this.begin();
    if (this.run.attempt === 1) throw new Error('once more');
  }

  @Task()
  async patient(): Promise<void> {
    const mine = this.begin();
    const { signal } = this.run;
    this.run.progress(1);
    signal.addEventListener('abort', () => {
      this.aborted.push(storage.getStore()?.replace(mine, 'mine'));
      storage.enterWith('an abort');
    });
    await this.gate.opened;
  }

  /** A query that begins when it is awaited, as some libraries have it. */
  @Task()
  query(): PromiseLike<[boolean, boolean]> {
    const mine = this.begin();
    const then = (done: (value: [boolean, boolean]) => void) =>
      done([this.run.active, storage.getStore() === mine]);
    return { then } as PromiseLike<[boolean, boolean]>;
  }

  @Task({ timeout: 50, attempts: 2 })
  async stuck(): Promise<void> {
    this.begin();
    await this.gate.opened;
  }

  private begin(): string {
    this.seen.push(storage.getStore());
    const mine = `tenant of ${this.run.task.id}`;
    storage.enterWith(mine);
    return mine;
  }
}

/** Leaves a context wherever it is called. */
class Stainer implements Plugin {
  readonly name = 'stainer';
  readonly seen: (string | undefined)[] = [];

  tick(): void {
    this.seen.push(storage.getStore());
    storage.enterWith('tick');
  }

  afterSettle({ id }: { id: string }): void {
    // Of the run itself, or none: how long `enterWith` holds differs between versions of Node.
    const context = storage.getStore();
    this.seen.push(context?.startsWith(`tenant of ${id}`) ? undefined : context);
    storage.enterWith('afterSettle');
  }
}

/** Keeps in whose context it was called by the worker. */
class WatchedBackend extends TypeOrmBackend {
  readonly renewed: (string | undefined)[] = [];
  readonly reported: [task: string, context: string | undefined][] = [];

  override renewWorker(...args: Parameters<TypeOrmBackend['renewWorker']>) {
    this.renewed.push(storage.getStore());
    return super.renewWorker(...args);
  }

  override storeReport(...args: Parameters<TypeOrmBackend['storeReport']>) {
    this.reported.push([args[0], storage.getStore()]);
    return super.storeReport(...args);
  }
}

const METHODS = ['atOnce', 'later', 'values', 'failing'] as const;

/** As many tasks as it says, each enqueued by another request. */
async function request(queue: TaskQueue, count: number): Promise<void> {
  const requests = Array.from({ length: count }, (_, i) =>
    storage.run(`request ${i}`, async () => {
      const task = await queue.enqueue(`Tenants.${METHODS[i % METHODS.length]}`);
      await task.result(SOON);
      expect(storage.getStore()).toBe(`request ${i}`);
    }),
  );
  await Promise.all(requests);
}

describe.each(stores())('a run begins without a context (%s)', (kind) => {
  test('whatever others have entered, whoever enqueued it', async () => {
    const { options } = await tempStore(kind);
    const plugin = new Stainer();
    const app = await storage.run('boot', () =>
      startApp([Tenants], {
        ...options,
        plugins: [plugin],
        worker: { concurrency: 10, pollInterval: 50 },
      }),
    );
    await request(app.queue, 100);
    const tenants = app.module.get(Tenants);
    await eventually(async () => plugin.seen.length >= 100);
    expect(tenants.seen).toHaveLength(125); // a quarter runs twice
    expect(new Set(tenants.seen)).toEqual(new Set([undefined]));
    expect(new Set(plugin.seen)).toEqual(new Set([undefined]));
  });
});

test('what a plugin enters around a run is seen by its handler, and by no other', async () => {
  const around: Plugin = {
    name: 'around',
    aroundRun: async (task, next) => {
      expect(storage.getStore()).toBeUndefined();
      storage.enterWith(`around ${task.id}`);
      return next();
    },
  };
  const app = await startApp([Tenants], { plugins: [around], worker: { concurrency: 5 } });
  const ids = Array.from({ length: 20 }, (_, i) => `task ${i}`);
  await Promise.all(
    ids.map(async (id) => {
      const task = await app.queue.enqueue('Tenants.later', [], { id });
      await task.result(SOON);
    }),
  );
  expect(app.module.get(Tenants).seen.sort()).toEqual(ids.map((id) => `around ${id}`).sort());
});

test('a query that begins when it is awaited begins in the context of its run', async () => {
  const app = await startApp([Tenants]);
  const task = await app.queue.for(Tenants).query();
  expect(await task.result(SOON)).toEqual([true, true]);
});

test('a signal aborts in no context of others', async () => {
  const app = await startApp([Tenants]);
  const tenants = app.module.get(Tenants);
  const tasks = await Promise.all([1, 2].map(() => app.queue.enqueue('Tenants.patient')));
  await eventually(async () => tenants.seen.length === 2);
  await storage.run('canceller', () => Promise.all(tasks.map((task) => task.cancel())));
  await eventually(async () => tenants.aborted.length === 2);
  tenants.gate.open();
  for (const told of tenants.aborted) expect(told ?? 'mine').toBe('mine');
});

test('what a worker does for all of its runs is done in no context of one of them', async () => {
  const backend = new WatchedBackend({ database: ':memory:' });
  const worker = { lease: 1000, timeoutGrace: 1 };
  const app = await startApp([Tenants], { backend, worker });
  const stuck = await app.queue.enqueue('Tenants.stuck');
  await eventually(async () => app.worker.stats()?.stuck === 1);
  await Promise.all([1, 2].map(() => app.queue.enqueue('Tenants.patient')));
  const { length } = backend.renewed;
  await eventually(async () => backend.renewed.length > length + 1 && backend.reported.length > 1);
  await stuck.cancel();
  app.module.get(Tenants).gate.open();
  expect(new Set(backend.renewed)).toEqual(new Set([undefined]));
  for (const [, context] of backend.reported) expect(context).toBeUndefined();
});

test('no run of an application with nestjs-cls begins with the store of another', async () => {
  const scene = new Scene();
  const app = await Child.cls('cls').ready();
  await app.ask('boot', { tasks: scene.options, rows: scene.options });
  const seen = await app.ask<(string | null)[]>('tenants', 100);
  await Child.killAll();
  await scene.close();
  expect(seen).toEqual(Array.from({ length: 100 }, () => null));
});
