import { Injectable } from '@nestjs/common';
import { Task, type TaskQueue } from 'nestjs-sitq';
import { until } from './app/processes/scene.js';
import { startApp } from './app/start-app.js';

const TASKS = 100;
/** What a worker that holds back claims at once. */
const FEW = 10;

@Injectable()
class Chores {
  @Task()
  async do(): Promise<void> {
    // nothing that takes time
  }
}

/** Enqueues many at once and resolves to how many of them, at most, were claimed together. */
async function largestClaim(queue: TaskQueue): Promise<number> {
  const handles = await Promise.all(Array.from({ length: TASKS }, () => queue.for(Chores).do()));
  await Promise.all(handles.map((handle) => handle.result()));
  const tasks = await Promise.all(handles.map(({ id }) => queue.getTask(id)));
  const claims = new Map<number, number>();
  for (const task of tasks) {
    const at = task!.startedAt!.getTime();
    claims.set(at, (claims.get(at) ?? 0) + 1);
  }
  return Math.max(...claims.values());
}

/** Something of the application that takes nine tenths of the event loop. */
function keepBusy(): () => void {
  const timer = setInterval(() => {
    const end = performance.now() + 27;
    while (performance.now() < end);
  }, 30);
  return () => clearInterval(timer);
}

describe('a worker beside a busy application', () => {
  let stop: () => void;
  beforeEach(() => void (stop = keepBusy()));
  afterEach(() => stop());

  test('claims few tasks at once where it yields to it, and many again afterwards', async () => {
    const { queue } = await startApp([Chores], { worker: { concurrency: 100, yieldToApp: true } });
    await until(async () => (await largestClaim(queue)) <= FEW);
    stop();
    await until(async () => (await largestClaim(queue)) > FEW);
  });

  test('claims what there is where it does not', async () => {
    const { queue } = await startApp([Chores], { worker: { concurrency: 100 } });
    for (let round = 0; round < 5; round += 1) {
      expect(await largestClaim(queue)).toBeGreaterThan(FEW);
    }
  });
});
