import { Injectable } from '@nestjs/common';
import { Task, TaskQueue, TypeOrmBackend, type WorkerOptions } from 'nestjs-sitq';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoopLag } from '../lib/worker/loop-lag.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { Scene } from './app/processes/scene.js';
import { startApp } from './app/start-app.js';
import { createStore, stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const REGISTRATION = {
  host: hostname(),
  pid: process.pid,
  processIdentity: null,
  version: '1.2.3',
  queues: null,
  handlers: ['Chores.wait'],
  limits: {},
  concurrency: 1,
};

let gate = new Gate();

@Injectable()
class Chores {
  @Task({ timeout: '20ms', attempts: 1 })
  async ignoreTimeout(): Promise<void> {
    await gate.opened;
  }

  @Task({ concurrency: 2 })
  async wait(): Promise<void> {
    await gate.opened;
  }

  @Task()
  async block(ms: number): Promise<void> {
    block(ms);
  }
}

describe.each(stores())('workers on %s', (kind) => {
  let store: Store;
  beforeEach(async () => {
    gate = new Gate();
    store = await tempStore(kind);
  });
  afterEach(() => gate.open());

  const start = (worker: WorkerOptions | false) => startApp([Chores], { ...store.options, worker });

  test('are listed with what they are and do', async () => {
    const before = Date.now();
    const { queue } = await start({ queues: ['default', 'mail'], concurrency: 7, lease: '20s' });
    for (let i = 0; i < 2; i += 1) await queue.for(Chores).wait();
    await eventually(async () => (await queue.counts()).running === 2);

    const workers = await queue.workers();
    const { version } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(workers).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        alive: true,
        host: hostname(),
        pid: process.pid,
        version,
        queues: ['default', 'mail'],
        handlers: ['Chores.ignoreTimeout', 'Chores.wait', 'Chores.block'],
        limits: { 'Chores.wait': 2 },
        concurrency: 7,
        inFlight: 2,
        running: { 'Chores.wait': 2 },
        stuck: 0,
        loopLag: expect.any(Number),
        startedAt: expect.any(Date),
        lastBeatAt: expect.any(Date),
        leaseExpiresAt: expect.any(Date),
      },
    ]);
    const { lastBeatAt, leaseExpiresAt, startedAt } = workers[0]!;
    expect(Math.abs(startedAt.getTime() - before)).toBeLessThan(10_000);
    expect(lastBeatAt.getTime()).toBeGreaterThanOrEqual(startedAt.getTime());
    expect(leaseExpiresAt.getTime() - lastBeatAt.getTime()).toBe(20_000);
  });

  test('are those of every process, oldest first, until they retire', async () => {
    const { queue } = await start(false);
    expect(await queue.workers()).toEqual([]);
    const first = await start({ queues: ['a'] });
    await sleep(5);
    await start({ queues: ['b'] });
    const queues = async () => (await queue.workers()).map((worker) => worker.queues);
    expect(await queues()).toEqual([['a'], ['b']]);
    await first.close();
    expect(await queues()).toEqual([['b']]);
  });

  test('tell at each beat how long their event loop was held up', async () => {
    const { queue } = await start({ lease: '1s' });
    const lag = async () => (await queue.workers())[0]!.loopLag!;
    await eventually(async () => {
      await (await queue.for(Chores).block(500)).result();
      return (await lag()) >= 400;
    });
    await eventually(async () => (await lag()) < 400); // later beats know nothing of it
  });

  test('tell of handlers that go on although their task has ended', async () => {
    const { queue } = await start({ timeoutGrace: '20ms', concurrency: 2 });
    for (let i = 0; i < 2; i += 1) await queue.for(Chores).ignoreTimeout();
    const stuck = await eventually(async () => {
      const { failed } = await queue.counts(); // first: a task that still runs would count twice
      const [worker] = await queue.workers();
      return worker?.stuck === 2 && failed === 2 && worker;
    });
    expect(stuck).toMatchObject({ inFlight: 2, running: { 'Chores.ignoreTimeout': 2 } });
    const { id } = await queue.for(Chores).wait();
    expect(await queue.explain(id)).toMatchObject({ reason: 'slots' });

    gate.open();
    await eventually(async () => (await queue.workers())[0]?.inFlight === 0);
    expect((await queue.workers())[0]).toMatchObject({ stuck: 0, running: {} });
  });
});

describe.each(stores())('workers in other processes on %s', (kind) => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore(kind))));
  afterEach(() => scene.close());

  test('one that was killed is left out as soon as a live one has noticed', async () => {
    const queue = await scene.queue();
    const [victim, survivor] = [scene.worker('victim'), scene.worker('survivor')];
    await Promise.all([victim.ready(), survivor.ready()]);
    const pids = async () => (await queue.workers()).map((worker) => worker.pid).sort();
    expect(await pids()).toEqual([victim.pid, survivor.pid].sort());
    victim.kill('SIGKILL');
    await eventually(async () => (await queue.workers()).length === 1);
    expect(await pids()).toEqual([survivor.pid]);
  });
});

describe.each(stores().filter((kind) => kind !== 'sqlite'))('a worker on %s', (kind) => {
  test('that registers again hands on what a late claim of its own brought', async () => {
    const store = await tempStore(kind);
    const backend = new TypeOrmBackend(store.options);
    await backend.open();
    const [id, sql] = ['worker-1', await store.sql()];
    const beat = { lease: 60_000, inFlight: 0, stuck: 0, lingering: {}, loopLag: null };
    const worker = { ...REGISTRATION, id };
    await backend.registerWorker(worker, beat);
    await new TaskQueue({ backend }).enqueue('Chores.wait', [], { id: 'late' });
    await sql.run('DELETE FROM sitq_worker');
    expect(await backend.renewWorker(id, beat)).toBe(false);
    await sql.run(
      `UPDATE sitq_task SET status = 'running', worker_id = '${id}', attempt = 1, lease = 7,
         started_at = eta, max_attempts = 3`,
    );
    await backend.registerWorker(worker, beat);
    expect(await backend.reserveTask(id)).toMatchObject([{ id: 'late', attempt: 2, lease: 8 }]);
    expect(await backend.reserveTask(id)).toEqual([]);
    await sql.close();
    await backend.close();
  });
});

describe('the event loop', () => {
  const lag = new LoopLag();
  afterEach(() => lag.stop());

  test.each(['at once', 'a while'])('a hold-up %s after a look is told', async (when) => {
    lag.start();
    await sleep(100);
    await lag.take();
    const told: number[] = [];
    for (let look = 0; look < 4; look += 1) {
      if (when === 'a while') await sleep(100);
      block(600);
      told.push(await lag.take());
    }
    expect(Math.min(...told)).toBeGreaterThanOrEqual(570);
    for (let look = 0; look < 2; look += 1) {
      await sleep(100);
      await lag.take();
    }
    expect(await lag.take()).toBeLessThan(570);
  });

  test('is not watched when nobody wants to know', async () => {
    for (let look = 0; look < 2; look += 1) await lag.take();
    block(600);
    await sleep(100);
    expect(await lag.take()).toBe(0);
  });

  test('is watched no longer when the worker has stopped', async () => {
    const app = await startApp([Chores], { worker: {} });
    const { loopLag } = app.worker['worker'] as unknown as { loopLag: LoopLag };
    const looks = () => loopLag['histograms'].map((each) => each.count);
    await eventually(async () => looks().every((count) => count > 0));
    await app.close();
    const before = looks();
    await sleep(100);
    expect(looks()).toEqual(before);
  });
});

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
