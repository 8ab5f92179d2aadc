import { Injectable } from '@nestjs/common';
import { Task, type TaskQueue } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverKinds } from './app/databases/servers.js';
import { Gate } from './app/gate.js';
import { until } from './app/processes/scene.js';
import { startApp } from './app/start-app.js';
import { tempStore } from './app/temp-store.js';

const TASKS = 100;
/** What a worker that holds back claims at once. */
const FEW = 10;
/** Long enough that the event loop counts as idle, in ms. */
const REST = 300;

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
    await until(async () => {
      await sleep(REST); // what this test asks for keeps the event loop busy, too
      return (await largestClaim(queue)) > FEW;
    });
  });

  test('claims what there is where it does not', async () => {
    const { queue } = await startApp([Chores], { worker: { concurrency: 100 } });
    for (let round = 0; round < 5; round += 1) {
      expect(await largestClaim(queue)).toBeGreaterThan(FEW);
    }
  });
});

/** Handlers that begin, and how many of them did so in each turn of the event loop. */
class Crowd {
  readonly turns: number[] = [];
  readonly gate = new Gate();
  private begun = 0;

  constructor(private readonly size: number) {}

  arrive(): Promise<void> {
    if (this.begun === 0) setImmediate(() => this.endTurn());
    this.begun += 1;
    return this.gate.opened;
  }

  private endTurn(): void {
    this.turns.push(this.begun);
    this.begun = 0;
    if (this.turns.reduce((sum, begun) => sum + begun) === this.size) this.gate.open();
  }
}

let crowd: Crowd;

@Injectable()
class Meeting {
  @Task()
  attend(): Promise<void> {
    return crowd.arrive();
  }
}

describe.each(serverKinds())('a worker on %s', (kind) => {
  test('lets the application have its turn while many handlers begin', async () => {
    const size = 400;
    crowd = new Crowd(size);
    const { options } = await tempStore(kind);
    const producer = await startApp([Meeting], { ...options, worker: false });
    const calls = Array.from({ length: size }, () => []);
    await producer.queue.enqueueMany('Meeting.attend', calls);
    await startApp([Meeting], { ...options, worker: { concurrency: size } });
    await crowd.gate.opened;
    // Two claims hand out fifty at a time, in the same turn where both have come.
    expect(Math.max(...crowd.turns)).toBeLessThanOrEqual(100);
  });
});
