import { Injectable } from '@nestjs/common';
import {
  Task,
  TaskContext,
  type Duration,
  type Outcome,
  type Plugin,
  type SettleCause,
  type Task as TaskView,
} from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

let gate = new Gate();

@Injectable()
class Chores {
  constructor(private readonly run: TaskContext) {}

  @Task({ attempts: 1 })
  async wait(): Promise<string> {
    await Promise.race([gate.opened, aborted(this.run.signal)]);
    return 'done';
  }

  @Task({ attempts: 1 })
  async fail(): Promise<never> {
    throw new Error('no luck');
  }

  @Task()
  async retryLate(): Promise<never> {
    await gate.opened;
    throw new Error('once more');
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw signal.reason as Error;
}

/** What the plugins of one process are told. */
class Ends implements Plugin {
  readonly name = 'ends';
  readonly told: [id: string, status: string, kind: Outcome['kind'], cause: SettleCause][] = [];
  readonly outcomes: Outcome[] = [];

  afterSettle({ id, status }: TaskView, outcome: Outcome, cause: SettleCause): void {
    this.told.push([id, status, outcome.kind, cause]);
    this.outcomes.push(outcome);
  }

  async once(): Promise<this['told'][number]> {
    return eventually(async () => this.told[0]);
  }
}

describe.each(stores())('afterSettle on %s', (kind) => {
  beforeEach(() => void (gate = new Gate()));
  afterEach(() => gate.open());

  /** A process that enqueues and one that works, each with its plugin. */
  async function start(pollInterval: Duration = '50ms') {
    const store = await tempStore(kind);
    const { options } = store;
    const [here, there] = [new Ends(), new Ends()];
    const api = await startApp([], { ...options, worker: false, plugins: [here] });
    await startApp([Chores], { ...options, plugins: [there], worker: { pollInterval } });
    return { queue: api.queue, store, here, there };
  }

  test('is told of a cancel while the task waits, where it was cancelled, once', async () => {
    const { queue, here, there } = await start();
    const { id } = await queue.for(Chores, { delay: '1h' }).wait();
    expect(await queue.cancel(id)).toBe('cancelled');
    expect(await queue.cancel(id)).toBe('cancelled');
    expect(here.told).toEqual([[id, 'cancelled', 'cancelled', 'cancel']]);
    expect(there.told).toEqual([]);
    expect(await queue.getResult(id)).toMatchObject({ status: 'cancelled' });
  });

  test('is told of a cancel while it runs, where it runs', async () => {
    const { queue, here, there } = await start();
    const { id } = await queue.for(Chores).wait();
    await eventually(async () => (await queue.getTask(id))?.status === 'running');
    expect(await queue.cancel(id)).toBe('running');
    expect(await there.once()).toEqual([id, 'running', 'cancelled', 'run']);
    expect(here.told).toEqual([]);
    expect(await queue.cancel(id)).toBe('cancelled');
    expect(here.told).toEqual([]);
  });

  test('is told what became of a retry that was to be cancelled', async () => {
    const { queue, store, there } = await start('1m');
    const task = await queue.for(Chores).retryLate();
    await eventually(async () => (await queue.getTask(task.id))?.status === 'running');
    const sql = await store.sql(); // the worker is told of nothing
    await sql.run('UPDATE sitq_task SET cancel_requested_at = 1');
    await sql.close();
    gate.open();
    const result = await queue.getResult(task.id, { timeout: '20s' });
    const [, , outcome, cause] = await there.once();
    expect([result?.status, outcome, cause]).toEqual(['cancelled', 'cancelled', 'run']);
  });

  test('is told of what ends by itself', async () => {
    const { queue, there } = await start();
    gate.open();
    const done = await queue.for(Chores).wait();
    await done.result();
    expect(await there.once()).toEqual([done.id, 'running', 'completed', 'run']);
    const failed = await queue.for(Chores).fail();
    const last = await eventually(async () => there.told[1]);
    expect(last).toEqual([failed.id, 'running', 'failed', 'run']);
  });

  test('is told by the one who rescues a task that is not run again', async () => {
    const { options } = await tempStore(kind);
    const api = await startApp([], { ...options, worker: false });
    const { id } = await api.queue.for(Chores, { attempts: 1 }).wait();
    await loseWorker(api.queue.backend as never);
    const rescuer = new Ends();
    await startApp([Chores], { ...options, plugins: [rescuer] });
    expect(await rescuer.once()).toEqual([id, 'failed', 'failed', 'rescue']);
    expect(rescuer.outcomes[0]).toMatchObject({ error: { name: 'WorkerLostError' } });
  });
});

interface Leasing {
  registerWorker(worker: object, beat: object): Promise<void>;
  reserveTask(workerId: string): Promise<unknown[]>;
}

/** A worker that takes a task and is not heard of again. */
async function loseWorker(backend: Leasing): Promise<void> {
  const worker = { id: 'lost', host: 'h', pid: 1, processIdentity: null, version: '0' };
  const load = { inFlight: 0, stuck: 0, lingering: {}, loopLag: null };
  await backend.registerWorker(
    { ...worker, queues: null, handlers: [], limits: {}, concurrency: 1 },
    { lease: 500, ...load },
  );
  expect(await backend.reserveTask('lost')).toHaveLength(1);
  await sleep(500);
}
