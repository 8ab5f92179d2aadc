import type { TaskQueue } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './app/processes/child.js';
import type { Receipt, WorkerConfig } from './app/processes/protocol.js';
import { quantile, Scene } from './app/processes/scene.js';

/** So long that nothing here is found by polling. */
const POLL = '1m';

let scene: Scene;
let queue: TaskQueue;
let worker: Child<WorkerConfig>;
beforeAll(async () => {
  scene = new Scene();
  queue = await scene.queue();
  worker = await scene.worker('worker', { pollInterval: POLL, lease: '1m' }).ready();
});
afterAll(() => scene.close());

test('an idle worker does next to nothing', async () => {
  const seconds = 3;
  const before = await worker.ask<NodeJS.CpuUsage>('cpu');
  await sleep(seconds * 1000);
  const after = await worker.ask<NodeJS.CpuUsage>('cpu');
  const used = after.user + after.system - before.user - before.system;
  const percent = used / (seconds * 10_000);
  console.log(`idle worker: ${percent.toFixed(2)} % of a core`);
  expect(percent).toBeLessThan(10); // a loop that spins uses all of it
});

test('a worker in another process picks a task up, and its result comes back', async () => {
  const pickUps: number[] = [];
  const roundTrips: number[] = [];
  for (let n = 0; n < 100; n += 1) {
    const enqueuedAt = Date.now();
    const task = await queue.enqueue<Receipt>('ProcessTasks.work', [0]);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'worker' });
    roundTrips.push(Date.now() - enqueuedAt);
    const { at } = await worker.handler('start', task.id);
    pickUps.push(at - enqueuedAt);
    await sleep(5); // so that each ring is one of its own
  }
  console.log({ pickUp: spread(pickUps), roundTrip: spread(roundTrips) });
  // Waiting for a result polls once a second: the median shows that it was not the poll.
  expect(quantile(roundTrips, 0.5)).toBeLessThan(10_000);
});

test('a cancel reaches the handler in the other process', async () => {
  const task = await queue.enqueue('ProcessTasks.hold');
  await worker.handler('start', task.id);
  const cancelledAt = Date.now();
  expect(await task.cancel()).toBe('running');
  const { at, reason } = await worker.handler('abort', task.id);
  console.log(`cancel: ${at - cancelledAt} ms`);
  expect(reason).toBe('TaskCancelledError');
  await expect(task.result({ timeout: '50s' })).rejects.toThrow(/was cancelled/);
  expect(await task.status()).toBe('cancelled');
});

test('an eta that another process set is met', async () => {
  const eta = new Date(Date.now() + 400);
  const task = await queue.enqueue('ProcessTasks.work', [0], { eta });
  const { at } = await worker.handler('start', task.id);
  console.log(`eta: ${at - eta.getTime()} ms late`);
  expect(at).toBeGreaterThanOrEqual(eta.getTime());
  expect(at).toBeLessThan(eta.getTime() + 10_000);
});

test('an eta that is set before another one is met first', async () => {
  const late = await queue.enqueue('ProcessTasks.work', [0], { delay: '1h' });
  const soon = await queue.enqueue('ProcessTasks.work', [0], { delay: 200 });
  await worker.handler('start', soon.id);
  expect(await late.status()).toBe('queued');
});

test('what a worker gives back when it ends goes to one that waits', async () => {
  const options = {
    concurrency: 10,
    pollInterval: POLL,
    lease: '1m',
    shutdownTimeout: 200,
  } as const;
  const second = await scene.worker('second', options).ready();
  const tasks = await Promise.all(
    Array.from({ length: 20 }, () => queue.enqueue<Receipt>('ProcessTasks.hold')),
  );
  const start = (child: Child, id: string) => child.handler('start', id);
  await Promise.all(tasks.map(({ id }) => Promise.race([start(worker, id), start(second, id)])));
  const isOf = (child: Child) => (task: { id: string }) =>
    child.ledger.some((entry) => entry.task === task.id);
  const given = tasks.filter(isOf(second));
  expect(given).toHaveLength(10);
  await Promise.all(tasks.filter(isOf(worker)).map(({ id }) => worker.ask('release', id)));

  second.kill('SIGTERM');
  for (const task of given) {
    expect(await start(worker, task.id)).toMatchObject({ attempt: 1, lease: 2 });
    await worker.ask('release', task.id);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'worker' });
  }
});

function spread(numbers: readonly number[]) {
  return { p50: quantile(numbers, 0.5), p99: quantile(numbers, 0.99) };
}
