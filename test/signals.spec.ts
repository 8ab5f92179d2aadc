import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule, Task, TaskQueue, WorkerHost, type WorkerStats } from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import type { Exit } from './app/processes/child.js';
import { Scene, until } from './app/processes/scene.js';

const SHUTDOWN_TIMEOUT = 2000;
const TERMINATED: Exit = { code: null, signal: 'SIGTERM' };
const ENDED: Exit = { code: 0, signal: null };

type Step = 'SIGTERM' | 'close';
const CASES: { name: string; first: Step[]; later: Step[]; exit: Exit }[] = [
  { name: 'SIGTERM', first: ['SIGTERM'], later: [], exit: TERMINATED },
  { name: 'SIGTERM twice', first: ['SIGTERM'], later: ['SIGTERM'], exit: TERMINATED },
  { name: 'app.close()', first: ['close'], later: [], exit: ENDED },
  { name: 'app.close() twice', first: ['close'], later: ['close'], exit: ENDED },
  { name: 'both together', first: ['close', 'SIGTERM'], later: [], exit: TERMINATED },
  { name: 'SIGTERM, then app.close()', first: ['SIGTERM'], later: ['close'], exit: TERMINATED },
  { name: 'app.close(), then SIGTERM', first: ['close'], later: ['SIGTERM'], exit: TERMINATED },
  {
    name: 'both together, twice',
    first: ['SIGTERM', 'close'],
    later: ['SIGTERM', 'close'],
    exit: TERMINATED,
  },
];

const scenes: Scene[] = [];
function newScene(): Scene {
  const scene = new Scene();
  scenes.push(scene);
  return scene;
}
afterAll(async () => {
  for (const scene of scenes) await scene.close();
});

describe('a worker with a handler that ends soon and one that never ends, told to stop by', () => {
  const outcomes = new Map<string, ReturnType<typeof shutDown>>();

  // All at once: each of them mostly waits.
  beforeAll(() => {
    for (const { name, first, later } of CASES) {
      const outcome = shutDown(name, first, later);
      outcome.catch(() => undefined); // seen by the test
      outcomes.set(name, outcome);
    }
  });

  test.each(CASES)('$name', async ({ name, exit }) => {
    const outcome = await outcomes.get(name)!;
    expect(outcome.exit).toEqual(exit);
    expect(outcome.output).not.toMatch(/unhandled|exception/i);
    expect(outcome.soon).toMatchObject({ status: 'completed', attempt: 1 });
    expect(outcome.never).toMatchObject({ status: 'queued', attempt: 0, workerId: null });
    expect(outcome.waiting).toMatchObject({ status: 'queued', attempt: 0, startedAt: null });
    expect(outcome.workers).toBe(0);
    expect(outcome.duration).toBeLessThan(SHUTDOWN_TIMEOUT + 10_000);
  });

  async function shutDown(name: string, first: Step[], later: Step[]) {
    const scene = newScene();
    const queue = await scene.queue();
    const worker = scene.worker(name, { concurrency: 2, shutdownTimeout: SHUTDOWN_TIMEOUT });
    const never = await queue.enqueue('ProcessTasks.endless');
    const soon = await queue.enqueue('ProcessTasks.hold');
    const waiting = await queue.enqueue('ProcessTasks.work', [0]);
    const take = (step: Step) => {
      if (step === 'SIGTERM') worker.kill('SIGTERM');
      else worker.ask('close').catch(() => undefined); // it may be gone before it answers
    };
    await Promise.all([never, soon].map(({ id }) => worker.handler('start', id)));
    const toldAt = Date.now();
    first.forEach(take);
    await until(async () => (await worker.ask<WorkerStats>('stats')).state === 'draining');
    await worker.ask('release', soon.id);
    await worker.handler('end', soon.id);
    later.forEach(take);
    const exit = await worker.exit;
    return {
      exit,
      duration: Date.now() - toldAt,
      output: worker.output,
      never: await queue.getTask(never.id),
      soon: await queue.getTask(soon.id),
      waiting: await queue.getTask(waiting.id),
      workers: scene.sql().prepare('SELECT count(*) FROM sitq_worker').pluck().get(),
    };
  }
});

test.each<[Step, Exit]>([
  ['SIGTERM', TERMINATED],
  ['close', ENDED],
])('a worker without tasks ends at once on %s', async (step, exit) => {
  const scene = newScene();
  const worker = await scene.worker('idle', { pollInterval: '1m', shutdownTimeout: '1m' }).ready();
  const toldAt = Date.now();
  if (step === 'SIGTERM') worker.kill(step);
  else worker.ask('close').catch(() => undefined);
  expect(await worker.exit).toEqual(exit);
  expect(Date.now() - toldAt).toBeLessThan(20_000);
  expect(worker.output).toBe('');
});

describe('a handler that ends while the application closes', () => {
  @Injectable()
  class Gate {
    begin!: () => void;
    open!: () => void;
    readonly begun = new Promise<void>((resolve) => (this.begin = resolve));
    readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  }

  @Injectable()
  class ReportTasks {
    constructor(
      private readonly gate: Gate,
      private readonly source: DataSource,
      private readonly queue: TaskQueue,
    ) {}

    @Task()
    async report(): Promise<unknown> {
      this.gate.begin();
      await this.gate.opened;
      await this.queue.enqueue('ReportTasks.mail', [], { id: 'mail' });
      return this.source.query('SELECT 1 AS one');
    }
  }

  test.each(['first', 'last'])(
    'may use the database of the application and enqueue (TypeOrmModule imported %s)',
    async (place) => {
      const scene = newScene();
      const sitq = SitqModule.forRoot({ database: scene.database });
      const typeOrm = TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:' });

      @Module({
        imports: place === 'first' ? [typeOrm, sitq] : [sitq, typeOrm],
        providers: [Gate, ReportTasks],
      })
      class AppModule {}

      const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
      const { id } = await app.get(TaskQueue).enqueue(ReportTasks, 'report', []);
      await app.get(Gate).begun;
      const closed = app.close();
      await until(() => app.get(WorkerHost).stats()?.state === 'draining');
      app.get(Gate).open();
      await closed;

      const queue = await scene.queue();
      expect(await queue.handle(id).result({ timeout: 0 })).toEqual([{ one: 1 }]);
      expect(await queue.getTask('mail')).toMatchObject({ status: 'queued' });
    },
  );
});
