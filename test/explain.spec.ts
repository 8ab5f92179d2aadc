import {
  BackendError,
  DoNotRetryError,
  Task,
  TaskContext,
  TaskNotFoundError,
  TaskQueue,
  TypeOrmBackend,
  type TaskExplanation,
  type WorkerOptions,
  type WorkerRegistration,
} from 'nestjs-sitq';
import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { startApp, type TestApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const HOUR = 3_600_000;
const MOST_AHEAD = 1000;
/** The handlers of this test wait here. */
let gate = new Gate();

@Injectable()
class Chores {
  constructor(private readonly run: TaskContext) {}

  @Task()
  async wait(): Promise<void> {
    await gate.opened;
  }

  @Task({ concurrency: 2 })
  async waitByTwos(): Promise<void> {
    await gate.opened;
  }

  @Task({ queue: 'mail' })
  async mail(): Promise<void> {}

  @Task({ attempts: 3, backoff: { type: 'fixed', delay: HOUR } })
  async fail(): Promise<void> {
    throw new Error('no network.\nsecond line');
  }

  @Task()
  async give(): Promise<void> {
    throw new DoNotRetryError('never');
  }

  @Task()
  async snooze(): Promise<void> {
    if (this.run.task.eta.getTime() <= this.run.task.createdAt.getTime()) this.run.snooze('1h');
  }

  // The name of something that every object has.
  @Task({ name: 'constructor', concurrency: 1 })
  async build(): Promise<void> {
    await gate.opened;
  }
}

/** Absolute path, or host and database. */
function placeOf({ options }: Store): string {
  if (!('url' in options)) return options.database;
  const { host, pathname } = new URL(options.url);
  return host + pathname;
}

describe.each(stores())('explain on %s', (kind) => {
  let store: Store;
  beforeEach(async () => {
    gate = new Gate();
    store = await tempStore(kind);
  });
  afterEach(() => gate.open());

  const start = (worker: WorkerOptions | false = {}) =>
    startApp([Chores], { ...store.options, worker });

  test('a task whose eta is ahead', async () => {
    const { queue } = await start();
    const eta = new Date(Date.now() + HOUR);
    const { id } = await queue.for(Chores, { eta }).wait();
    expect(await queue.explain(id)).toEqual({
      state: 'waiting',
      reason: 'eta',
      until: eta,
      attempt: 0,
      error: null,
      text: expect.stringContaining(`not due before ${eta.toISOString()}; cancel it and enqueue`),
    });
  });

  test('a task that snoozes', async () => {
    const { queue } = await start();
    const { id } = await queue.for(Chores).snooze();
    const why = await changed(queue, id, 'eta');
    expect(why).toMatchObject({ state: 'waiting', attempt: 0, error: null });
    expect(why.text).toMatch(/^Its handler put it off until .*; a shorter snooze/);
  });

  test('a task that waits for its next attempt', async () => {
    const { queue } = await start();
    const { id } = await queue.for(Chores).fail();
    const why = await changed(queue, id, 'retry');
    expect(why).toMatchObject({
      state: 'waiting',
      attempt: 1,
      until: (await queue.getTask(id))?.eta,
      error: { name: 'Error', message: 'no network.\nsecond line' },
      text: expect.stringMatching(/^Attempt 1 failed with Error: no network; its backoff puts/),
    });
  });

  test('no worker is alive', async () => {
    const { queue } = await start(false);
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toEqual({
      state: 'waiting',
      reason: 'no-worker',
      alive: 0,
      missing: 'worker',
      names: [],
      attempt: 0,
      error: null,
      text:
        'No worker is alive; start a process whose worker option is not false. The task is in ' +
        `${placeOf(store)}; a worker must have that very one.`,
    });
  });

  test('no live worker has the handler', async () => {
    const { queue } = await start();
    const { id } = await queue.enqueue('Chores.wiat');
    expect(await queue.explain(id)).toMatchObject({
      state: 'waiting',
      reason: 'no-worker',
      alive: 1,
      missing: 'handler',
      text: expect.stringContaining(
        `None of the 1 live worker(s) has a handler named 'Chores.wiat'`,
      ),
    });
  });

  test.each([
    ['Chores.wiat', 'Chores.wait', /Is 'Chores.wait' meant\?/],
    ['Housework.mail', 'Chores.mail', /class was renamed or stands in for another one/],
    ['r.mail', 'Chores.mail', /if a minifier has renamed the class in one of the builds/],
    [
      'Shop.refund',
      undefined,
      /enqueue under the right name\. The task is in \S+; a worker must have that very one\.$/,
    ],
  ])('the likely cause where nobody has %s', async (name, nearest, text) => {
    const { queue } = await start();
    const { id } = await queue.enqueue(name);
    const why = await queue.explain(id);
    if (!('missing' in why)) throw new Error(why.text);
    expect(why.names.toSorted()).toEqual((await queue.workers())[0]!.handlers.toSorted());
    if (nearest) expect(why.names[0]).toBe(nearest);
    expect(why.text).toMatch(text);
  });

  test('no live worker takes the queue', async () => {
    const { queue } = await start({ queues: ['default', 'slow'] });
    const { id } = await queue.for(Chores).mail();
    expect(await queue.explain(id)).toMatchObject({
      state: 'waiting',
      reason: 'no-worker',
      alive: 1,
      missing: 'queue',
      text: expect.stringMatching(/takes the queue 'mail'; add it to worker\.queues/),
    });
  });

  test('a worker that fell silent does not count', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'short' }, 20);
    const { id } = await queue.for(Chores).wait();
    await changed(queue, id, 'no-worker');
    expect(await queue.explain(id)).toMatchObject({ alive: 0, missing: 'worker' });
  });

  test('all slots taken, and who comes after whom', async () => {
    const { queue } = await start({ concurrency: 2 });
    await Promise.all([queue.for(Chores).wait(), queue.for(Chores).wait()]);
    await running(queue, 2);
    const first = await queue.for(Chores).wait();
    const [worker] = await queue.workers();
    expect(await queue.explain(first.id)).toMatchObject({
      state: 'waiting',
      reason: 'slots',
      workers: [{ id: worker!.id, inFlight: 2, concurrency: 2 }],
      text: expect.stringMatching(/^It is next, but all 2 slot\(s\) of worker .*, pid \d+\) are/),
    });

    const second = await queue.for(Chores).wait();
    const urgent = await queue.for(Chores, { priority: 1 }).mail();
    expect(await queue.explain(urgent.id)).toMatchObject({ reason: 'slots' });
    expect(await queue.explain(first.id)).toMatchObject({ reason: 'behind', ahead: 1 });
    expect(await queue.explain(second.id)).toMatchObject({
      state: 'waiting',
      reason: 'behind',
      ahead: 2,
      workers: [{ id: worker!.id }],
      text: expect.stringMatching(/^2 task\(s\) come first by priority, eta and order/),
    });
  });

  test('what no worker of the task can run is not ahead of it', async () => {
    const { queue } = await start({ concurrency: 1, queues: ['default'] });
    await queue.for(Chores).wait();
    await running(queue, 1);
    await queue.for(Chores, { priority: 5 }).mail(); // another queue
    await queue.enqueue('Nobodys.task', [], { priority: 5 });
    await queue.for(Chores, { priority: 5, delay: HOUR }).wait();
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toMatchObject({ reason: 'slots' });
  });

  test('of several workers the shortest line counts', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'all', concurrency: 0 });
    await register(queue, { id: 'mail', queues: ['mail'], concurrency: 0 });
    await register(queue, { id: 'some', handlers: ['Chores.mail', 'Chores.wait'], concurrency: 0 });
    for (let i = 0; i < 5; i += 1) await queue.for(Chores).wait();
    await queue.for(Chores).mail();
    const { id } = await queue.for(Chores).mail();
    const why = await queue.explain(id);
    expect(why).toMatchObject({ reason: 'behind', ahead: 1 });
    expect(idsOf(why)).toEqual(['all', 'mail', 'some']);
  });

  test('more than a thousand ahead are a thousand', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'full', concurrency: 0 });
    await queue.enqueueMany(
      Chores,
      'wait',
      Array.from({ length: MOST_AHEAD + 5 }, (): [] => []),
    );
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toMatchObject({ reason: 'behind', ahead: MOST_AHEAD });
  });

  test('a handler at its own concurrency', async () => {
    const { queue } = await start({ concurrency: 5 });
    for (let i = 0; i < 2; i += 1) await queue.for(Chores).waitByTwos();
    await queue.for(Chores).build();
    await running(queue, 3);
    const [worker] = await queue.workers();
    const third = await queue.for(Chores).waitByTwos();
    const fourth = await queue.for(Chores).waitByTwos();
    const built = await queue.enqueue('constructor');
    expect(await queue.explain(third.id)).toMatchObject({
      state: 'waiting',
      reason: 'handler-limit',
      ahead: 0,
      workers: [{ id: worker!.id, running: { 'Chores.waitByTwos': 2, constructor: 1 } }],
      text: expect.stringMatching(/^Chores\.waitByTwos runs as often at once as its own/),
    });
    expect(await queue.explain(fourth.id)).toMatchObject({ reason: 'handler-limit', ahead: 1 });
    expect(await queue.explain(built.id)).toMatchObject({ reason: 'handler-limit' });
  });

  test('a worker with a free slot should take it', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'idle', concurrency: 1 });
    await register(queue, { id: 'untold', concurrency: null });
    await register(queue, { id: 'full', concurrency: 0 });
    const first = await queue.for(Chores).wait();
    const second = await queue.for(Chores).wait();
    const why = await queue.explain(first.id);
    expect(why).toMatchObject({ state: 'waiting', reason: 'ready' });
    expect(why.text).toMatch(/^2 workers should take it at any moment; if that does not happen/);
    expect(idsOf(why)).toEqual(['idle', 'untold']);
    // Not the next one of `idle`, but one of so many as `untold` may take.
    expect(idsOf(await queue.explain(second.id))).toEqual(['untold']);
  });

  test('a task that comes after more than there are free slots', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'idle', concurrency: 1 });
    for (let i = 0; i < 3; i += 1) await queue.for(Chores).wait();
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toMatchObject({ reason: 'behind', ahead: 3 });
  });

  test('what a handler at its concurrency leaves waiting holds nobody up', async () => {
    const { queue } = await start(false);
    const limits = { 'Chores.waitByTwos': 2 };
    await register(queue, { id: 'idle', concurrency: 3, limits });
    for (let i = 0; i < 9; i += 1) await queue.for(Chores).waitByTwos();
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toMatchObject({ reason: 'ready' });
  });

  test('a task that runs', async () => {
    const { queue } = await start();
    const { id } = await queue.for(Chores).wait();
    await running(queue, 1);
    const [worker] = await queue.workers();
    expect(await queue.explain(id)).toEqual({
      state: 'running',
      worker: worker!.id,
      workerAlive: true,
      since: (await queue.getTask(id))?.startedAt,
      attempt: 1,
      text: expect.stringMatching(/^It runs since .*Z, as attempt 1, on worker /),
    });
  });

  test('a task whose worker died, and that was rescued', async () => {
    const { queue } = await start(false);
    const { id } = await queue.for(Chores).wait();
    const [claimed] = await queue.backend.reserveTask('doomed');
    expect(claimed?.id).toBe(id);
    const backend = queue.backend as TypeOrmBackend;
    const beat = { lease: 20, inFlight: 1, stuck: 0, lingering: {}, loopLag: 0 };
    await backend.renewWorker('doomed', beat);
    await eventually(async () => !(await queue.workers())[0]?.alive);
    expect(await queue.explain(id)).toMatchObject({
      state: 'running',
      worker: 'doomed',
      workerAlive: false,
      attempt: 1,
      text: expect.stringMatching(/^Its worker doomed fell silent during attempt 1; .* start one/),
    });

    await eventually(async () => (await backend.rescueTasks()).length);
    expect(await queue.explain(id)).toMatchObject({
      state: 'waiting',
      reason: 'no-worker',
      attempt: 1,
      error: { code: 'SITQ_WORKER_LOST' },
    });
  });

  test('a task that has ended', async () => {
    const { queue } = await start();
    const done = await queue.for(Chores).mail();
    await done.result();
    const failed = await queue.for(Chores).give();
    await failed.result().catch(() => undefined);
    const cancelled = await queue.for(Chores, { delay: HOUR }).mail();
    await cancelled.cancel();

    const at = async (id: string) => (await queue.getTask(id))?.finishedAt;
    expect(await queue.explain(done.id)).toEqual({
      state: 'ended',
      status: 'completed',
      at: await at(done.id),
      attempt: 1,
      error: null,
      text: expect.stringMatching(/^It is completed since .*Z\.$/),
    });
    expect(await queue.explain(failed.id)).toMatchObject({
      state: 'ended',
      status: 'failed',
      at: await at(failed.id),
      error: { name: 'DoNotRetryError', message: 'never' },
      text: expect.stringMatching(/^It failed at .*, after 1 attempt\(s\), with DoNotRetryError/),
    });
    expect(await queue.explain(cancelled.id)).toMatchObject({
      state: 'ended',
      status: 'cancelled',
      at: await at(cancelled.id),
      attempt: 0,
      error: null,
    });
  });

  test('a task that nobody enqueued', async () => {
    const { queue } = await start(false);
    await expect(queue.explain('nothing')).rejects.toThrow(TaskNotFoundError);
  });

  test('a handler with the name of what every object has', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'idle', handlers: ['constructor', 'toString'] });
    for (const name of ['constructor', 'toString']) {
      const { id } = await queue.enqueue(name);
      expect(await queue.explain(id)).toMatchObject({ reason: 'ready' });
    }
  });

  test('tasks that move on while they are explained', async () => {
    const app = await start({ concurrency: 2 });
    gate.open();
    const { queue } = app;
    const handles = await Promise.all(Array.from({ length: 60 }, () => queue.for(Chores).wait()));
    const seen = new Set<string>();
    const ended = new Set<string>();
    while (ended.size < handles.length) {
      for (const { id } of handles) {
        const why = await queue.explain(id);
        seen.add(why.state === 'waiting' ? why.reason : why.state);
        await nextTurn(); // else nobody runs anything
        if (why.state === 'ended') ended.add(id);
      }
    }
    for (const what of seen) {
      expect(['slots', 'behind', 'ready', 'running', 'ended']).toContain(what);
    }
  });

  test('a task that is claimed between two looks', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'busy', concurrency: 0 });
    const { id } = await queue.for(Chores).wait();
    const backend = queue.backend as TypeOrmBackend;
    const peek = backend.peekTasks.bind(backend);
    let claimed = false;
    backend.peekTasks = async (request) => {
      if (!claimed) await backend.reserveTask('busy');
      claimed = true;
      return peek(request);
    };
    expect(await queue.explain(id)).toMatchObject({ state: 'running', worker: 'busy' });
  });

  test('a task that no claim seems to find', async () => {
    const { queue } = await start(false);
    await register(queue, { id: 'blind' });
    const { id } = await queue.for(Chores).wait();
    (queue.backend as TypeOrmBackend).peekTasks = async () => [];
    expect(await queue.explain(id)).toMatchObject({ reason: 'ready', workers: [{ id: 'blind' }] });
  });

  async function register(
    queue: TaskQueue,
    parts: Partial<WorkerRegistration>,
    lease = HOUR,
  ): Promise<void> {
    const worker = {
      id: 'worker',
      host: 'here',
      pid: process.pid,
      processIdentity: null,
      version: '1.2.3',
      queues: null,
      handlers: ['Chores.wait', 'Chores.waitByTwos', 'Chores.mail'],
      limits: {},
      concurrency: 10,
      ...parts,
    };
    const beat = { lease, inFlight: 0, stuck: 0, lingering: {}, loopLag: 0 };
    await (queue.backend as TypeOrmBackend).registerWorker(worker, beat);
    await sleep(2); // the oldest comes first
  }
});

test('a store that cannot tell is named', async () => {
  const { queue }: TestApp = await startApp([Chores], {
    backend: new EightMethodsBackend(),
    worker: false,
  });
  const { id } = await queue.for(Chores).wait();
  await expect(queue.explain(id)).rejects.toThrow(BackendError);
  await expect(queue.explain(id)).rejects.toThrow(
    /EightMethodsBackend cannot explain tasks: it does not implement PeekingBackend/,
  );
  await expect(queue.workers()).rejects.toThrow(
    /EightMethodsBackend cannot list workers: it does not implement WorkerListingBackend/,
  );
});

function changed(queue: TaskQueue, id: string, reason: string): Promise<TaskExplanation> {
  return eventually(async () => {
    const why = await queue.explain(id);
    return why.state === 'waiting' && why.reason === reason && why;
  });
}

function running(queue: TaskQueue, tasks: number): Promise<unknown> {
  return eventually(async () => (await queue.counts()).running === tasks);
}

function idsOf(why: TaskExplanation): string[] {
  return why.state === 'waiting' && 'workers' in why ? why.workers.map(({ id }) => id) : [];
}
