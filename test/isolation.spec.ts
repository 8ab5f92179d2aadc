import { Injectable } from '@nestjs/common';
import { Task, type TaskQueue, type WorkerStats } from 'nestjs-sitq';
import { rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Child } from './app/processes/child.js';
import { BROKEN, SLOW, type Whereabouts } from './app/processes/isolated-tasks.js';
import { LinesFile } from './app/processes/lines.js';
import { Scene, until } from './app/processes/scene.js';
import { startApp } from './app/start-app.js';
import { createStore, stores } from './app/stores.js';

const SOON = { timeout: '50s' } as const;

describe('an isolated handler', () => {
  let scene: Scene;
  let queue: TaskQueue;
  let worker: Child;
  beforeAll(async () => {
    scene = new Scene(await createStore());
    queue = await scene.queue();
    worker = await scene.isolated('isolated', { timeoutGrace: 200, concurrency: 20 }).ready();
  });
  afterAll(() => scene.close());

  const enqueue = <R = unknown>(method: string, ...args: unknown[]) =>
    queue.enqueue<R>(`IsolatedTasks.${method}`, args);

  test('runs in a thread of the same process, whose application is made once', async () => {
    const here = await (await enqueue<Whereabouts>('here')).result(SOON);
    expect(here).toMatchObject({ thread: 0, pid: worker.pid });
    const runs = await Promise.all(Array.from({ length: 20 }, () => enqueue<Whereabouts>('there')));
    const places = await Promise.all(runs.map((run) => run.result(SOON)));
    expect(new Set(places.map(({ pid }) => pid))).toEqual(new Set([worker.pid]));
    const threads = new Set(places.map(({ thread }) => thread));
    expect(threads.has(0)).toBe(false);
    expect(threads.size).toBeLessThanOrEqual(2);
    expect(new Set(places.map(({ made }) => made))).toEqual(new Set([1]));
  });

  test('takes and gives what any handler does', async () => {
    const value = { at: new Date(5), list: [1n, undefined, NaN], map: new Map([['a', { b: 1 }]]) };
    expect(await (await enqueue('echo', value)).result(SOON)).toEqual(value);
    expect(await (await enqueue('echo')).result(SOON)).toBeUndefined();
    expect(await (await enqueue('count')).result(SOON)).toBe(3);
  });

  test('begins without the context of another', async () => {
    const tasks = await Promise.all(Array.from({ length: 20 }, () => enqueue('tenant')));
    const seen = await Promise.all(tasks.map((task) => task.result(SOON)));
    expect(new Set(seen)).toEqual(new Set([null]));
  });

  test('leaves the event loop to others while it computes', async () => {
    const spinning = await enqueue('spin', 3000);
    await until(async () => (await queue.getTask(spinning.id))?.status === 'running');
    await (await enqueue('here')).result(SOON);
    await worker.ask('stats');
    expect((await queue.getTask(spinning.id))?.status).toBe('running');
    expect(await spinning.result(SOON)).toBe('done');
  });

  test('reports progress and lines, all of them before its end', async () => {
    const task = await enqueue('talk');
    expect(await task.result(SOON)).toBe('said');
    expect(await queue.getTask(task.id)).toMatchObject({ progress: 100, attempt: 1 });
    const lines = await queue.getLog(task.id);
    const line = (n: number) => `line ${n} of attempt 1 of IsolatedTasks.talk`;
    expect(lines.map((each) => each.line)).toEqual([1, 2, 3, 4, 5].map(line));
  });

  test('leaves the event loop to others however often it reports', async () => {
    const times = 200_000;
    await worker.ask('lag');
    const task = await enqueue('flood', times);
    expect(await task.result(SOON)).toBe('said');
    const lag = await worker.ask<number>('lag');
    console.log({ lag });
    expect(lag).toBeLessThan(1500);
    expect(await queue.getTask(task.id)).toMatchObject({ progress: times });
    const lines = await queue.getLog(task.id);
    expect(lines.at(-1)!.line).toBe(`line ${times}`);
  });

  test.each([
    ['plainly', { errorName: 'TooHotError', error: 'It is 40 degrees.', errorCode: 'TOO_HOT' }, 2],
    ['for good', { errorName: 'DoNotRetryError', error: 'never again' }, 1],
    ['later', { errorName: 'TooHotError' }, 2],
    ['by nothing', { errorName: 'Error', error: 'undefined' }, 2],
    ['unreadably', { errorName: 'DoNotRetryError', error: 'not again' }, 1],
    ['hugely', { errorName: 'Error', error: 'huge' }, 2],
  ])('that fails %s fails its task like any other', async (how, error, attempt) => {
    const task = await enqueue('fail', how);
    const result = await queue.getResult(task.id, SOON);
    expect(result).toMatchObject({ status: 'failed', ...error });
    expect(await queue.getTask(task.id)).toMatchObject({ attempt });
    if (how === 'plainly') expect(result!.stack).toContain('isolated-tasks');
  });

  test('may throw what cannot be read', async () => {
    const task = await enqueue('trap');
    const result = await queue.getResult(task.id, SOON);
    expect(result).toMatchObject({ status: 'failed', error: 'as it was' });
  });

  test('may have a judge outside, who sees the fields of its errors', async () => {
    const task = await enqueue('judged');
    expect(await queue.getResult(task.id, SOON)).toMatchObject({ status: 'failed' });
    expect(await queue.getTask(task.id)).toMatchObject({ attempt: 2 });
  });

  test('is not said to be ready while all threads are taken', async () => {
    const runs = [await enqueue('endless'), await enqueue('endless')];
    for (const { id } of runs) {
      await until(async () => (await queue.getTask(id))?.status === 'running');
    }
    const third = await enqueue('endless');
    const why = await queue.explain(third.id);
    expect(why).toMatchObject({ state: 'waiting', reason: 'handler-limit', workers: [{}] });
    expect(why.text).toContain('worker.isolation.threads');
    for (const { id } of [third, ...runs]) await queue.cancel(id);
    for (const { id } of runs) await queue.getResult(id, SOON);
  });

  test('may snooze, enqueue, and is told what cannot be kept', async () => {
    const [snoozed, putOff, enqueuing, unkeepable] = await Promise.all([
      enqueue('snooze'),
      enqueue('putOff'),
      enqueue<string>('enqueue'),
      enqueue('unkeepable'),
    ]);
    expect(await snoozed.result(SOON)).toBe('awake');
    expect(await putOff.result(SOON)).toBe('awake in attempt 1');
    const echo = await queue.getResult(await enqueuing.result(SOON), SOON);
    expect(queue.deserializeResult(echo!)).toBe('from a thread');
    expect(await queue.getResult(unkeepable.id, SOON)).toMatchObject({
      status: 'failed',
      errorName: 'SerializationError',
      errorCode: 'SITQ_SERIALIZATION',
      error: expect.stringContaining('The handler has done its work, which is not done again.'),
    });
    expect(await queue.getTask(unkeepable.id)).toMatchObject({ attempt: 1 });
  });

  test.each([501, 1500, 3000, 100_000])('gives back nothing %i deep', async (levels) => {
    const task = await enqueue('deep', levels);
    expect(await queue.getResult(task.id, SOON)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('result cannot be kept: The value is nested more than 500'),
    });
    expect(await queue.getTask(task.id)).toMatchObject({ attempt: 1 });
  });

  test('hears its signal', async () => {
    const task = await enqueue('patient');
    await until(async () => (await queue.getLog(task.id)).length > 0);
    await queue.cancel(task.id);
    expect(await queue.getResult(task.id, SOON)).toMatchObject({ status: 'cancelled' });
    const lines = (await queue.getLog(task.id)).map(({ line }) => line);
    expect(lines).toEqual(['waits', 'aborted by TaskCancelledError']);
  });

  test('that does not look at its signal is ended, after its timeout and when cancelled', async () => {
    const late = await enqueue('tooLong');
    const endless = await enqueue('endless');
    await until(async () => (await queue.getTask(endless.id))?.status === 'running');
    await queue.cancel(endless.id);
    expect(await queue.getResult(endless.id, SOON)).toMatchObject({ status: 'cancelled' });
    expect(await queue.getResult(late.id, SOON)).toMatchObject({
      status: 'failed',
      errorName: 'TaskTimeoutError',
    });
    expect(await (await enqueue('echo', 1)).result(SOON)).toBe(1);
    expect(await worker.ask<WorkerStats>('stats')).toMatchObject({ inFlight: 0, stuck: 0 });
  });

  test.each([
    ['hungry', /memory/],
    ['leave', /exit|terminat/i],
  ])('whose thread dies (%s) spends its attempts and nothing else', async (method, message) => {
    const other = await enqueue('spin', 1500);
    await until(async () => (await queue.getTask(other.id))?.status === 'running');
    const task = await enqueue(method);
    const result = await queue.getResult(task.id, SOON);
    expect(result).toMatchObject({ status: 'failed' });
    expect(result!.error).toMatch(message);
    expect(await queue.getTask(task.id)).toMatchObject({ attempt: 2 });
    expect(await other.result(SOON)).toBe('done');
    expect(await queue.getTask(other.id)).toMatchObject({ attempt: 1 });
    expect(worker.alive).toBe(true);
  });
});

test.each(stores())(
  'an isolated handler completes its task in a transaction (%s)',
  async (kind) => {
    const scene = new Scene(await createStore(kind));
    const queue = await scene.queue();
    await scene.isolated('isolated').ready();
    const [kept, rolledBack] = await Promise.all(
      [false, true].map((rollBack) => queue.enqueue('IsolatedTasks.complete', [rollBack])),
    );
    expect(await kept!.result(SOON)).toBe('in a transaction');
    const result = await queue.getResult(rolledBack!.id, SOON);
    expect(result).toMatchObject({ status: 'failed', error: 'rolled back' });
    await scene.close();
  },
);

describe('the threads', () => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore())));
  afterEach(() => scene.close());

  test('close their applications with the process, whatever still computes', async () => {
    const queue = await scene.queue();
    const worker = await scene.isolated('isolated', { shutdownTimeout: 500 }).ready();
    const endless = await queue.enqueue('IsolatedTasks.endless');
    await until(async () => (await queue.getTask(endless.id))?.status === 'running');
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await queue.getTask(endless.id)).toMatchObject({ status: 'queued', attempt: 0 });
    const closed = new LinesFile<{ closed: number }>(scene.path('ledger.jsonl')).read();
    expect(closed).toHaveLength(2); // the process, and the thread that listened
  });

  test('that cannot boot again give the task back, and the next ones do it', async () => {
    const queue = await scene.queue();
    const worker = await scene.isolated('isolated').ready();
    const broken = scene.path('ledger.jsonl') + BROKEN;
    writeFileSync(broken, '');
    const leaving = await queue.enqueue('IsolatedTasks.leave');
    expect(await queue.getResult(leaving.id, SOON)).toMatchObject({ status: 'failed' });
    const task = await queue.enqueue('IsolatedTasks.echo', ['x'], { attempts: 1 });
    await until(async () => {
      const stored = await queue.backend.getTask(task.id);
      return stored!.lease > 0 && stored!.status === 'queued';
    });
    expect(worker.output).toContain('broken for now');
    rmSync(broken);
    expect(await task.result(SOON)).toBe('x');
    expect(await queue.getTask(task.id)).toMatchObject({ attempt: 1 });
  });

  test('are over before the next attempt begins, even in native code', async () => {
    const queue = await scene.queue();
    await scene.isolated('isolated', { timeoutGrace: 100 }).ready();
    const task = await queue.enqueue('IsolatedTasks.native', [1.5]);
    expect(await task.result(SOON)).toBe('done');
    const ledger = new LinesFile<object>(scene.path('ledger.jsonl')).read();
    expect(ledger).toEqual([{ native: 1 }, { native: 2 }]);
  });

  test('do not hold up the end of the process, even in native code', async () => {
    const queue = await scene.queue();
    const options = { timeoutGrace: 60_000, shutdownTimeout: 3000 };
    const worker = await scene.isolated('isolated', options).ready();
    const task = await queue.enqueue('IsolatedTasks.native', [15]);
    await until(async () => (await queue.getTask(task.id))?.status === 'running');
    const began = Date.now();
    await worker.ask('close');
    expect(Date.now() - began).toBeLessThan(10_000);
    // The timeout came first, so that the attempt is spent.
    expect(await queue.getTask(task.id)).toMatchObject({ status: 'queued', attempt: 1 });
  });

  test('are over before their tasks are given back at a shutdown', async () => {
    const queue = await scene.queue();
    const worker = await scene.isolated('isolated', { shutdownTimeout: 500 }).ready();
    writeFileSync(scene.path('ledger.jsonl') + SLOW, '');
    const task = await queue.enqueue('IsolatedTasks.tick');
    await until(async () => (await queue.getTask(task.id))?.status === 'running');
    worker.kill('SIGTERM');
    await until(async () => (await queue.getTask(task.id))?.status === 'queued');
    const givenBackAt = Date.now();
    await worker.exit;
    const ledger = new LinesFile<{ tick?: number }>(scene.path('ledger.jsonl')).read();
    const ticks = ledger.flatMap(({ tick }) => tick ?? []);
    expect(ticks.length).toBeGreaterThan(0);
    expect(Math.max(...ticks)).toBeLessThanOrEqual(givenBackAt);
  });

  test.each<[what: string, source: string, options: object, error: string]>([
    ['throws', 'throw new Error("no such planet")', {}, 'no such planet'],
    ['has no class', 'export const a = 1', {}, 'it exports no class'],
    [
      'has two',
      'export class A {} export class B {}',
      {},
      "exports A, B; name one: isolation: { export: '...' }",
    ],
    ['lacks the class', 'export class A {}', { export: 'B' }, 'it exports no class B, but A'],
    ['lacks sitq', 'export class A {}', {}, 'It needs SitqModule.forRoot'],
  ])('are refused at boot a module that %s', async (_what, source, options, error) => {
    const module = scene.path('module.mjs');
    writeFileSync(module, source);
    const worker = scene.isolated('isolated', { isolation: { module, ...options } });
    expect(await worker.exit).toMatchObject({ code: 1 });
    expect(worker.output).toContain('ConfigurationError');
    expect(worker.output).toContain(pathToFileURL(module).href);
    expect(worker.output).toContain(error);
  });
});

describe('at boot', () => {
  @Injectable()
  class Isolated {
    @Task({ isolate: true })
    compute(): void {
      // never called
    }
  }

  test('a handler without a place is refused', async () => {
    await expect(startApp([Isolated])).rejects.toMatchObject({
      name: 'ConfigurationError',
      option: 'isolation',
      message: expect.stringContaining('Isolated.compute has isolate: true') as string,
    });
  });

  test.each([
    { module: './relative.js' },
    { module: '/nowhere/at/all.js' },
    { module: 'https://example.org/module.js' },
    { module: import.meta.url, threads: 0 },
    { module: import.meta.url, maxHeap: 1 },
    { module: import.meta.url, export: '' },
    { module: import.meta.url, modul: 1 },
    {},
    'module.js',
  ])('bad options are refused: %j', async (isolation) => {
    await expect(startApp([], { worker: { isolation: isolation as never } })).rejects.toMatchObject(
      {
        name: 'ConfigurationError',
        option: 'worker.isolation',
        message: expect.stringContaining('that is there') as string,
      },
    );
  });

  test('only what runs tasks needs the place', async () => {
    await expect(startApp([Isolated], { worker: false })).resolves.toBeDefined();
  });
});
