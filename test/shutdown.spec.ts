import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  SitqModule,
  Task,
  TaskContext,
  TaskQueue,
  WorkerHost,
  WorkerShutdownError,
  type WorkerOptions,
} from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { startApp, startModule } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

const patience = { timeout: '50s' } as const;

/** A handler that waits at a gate, and tells when it has started and why it should stop. */
function gatedHandler() {
  const started = new Gate();
  const gate = new Gate();
  @Injectable()
  class Gated {
    constructor(private readonly run: TaskContext) {}

    /** Ends when the gate is open. */
    @Task()
    async wait(): Promise<string> {
      started.open();
      await gate.opened;
      return 'waited';
    }

    /** Ends when its signal aborts: by an error, or well. */
    @Task()
    async heed(end: 'throws' | 'returns'): Promise<string> {
      started.open();
      const { signal } = this.run;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (end === 'throws') throw new Error('interrupted');
      return (signal.reason as Error).name;
    }

    @Task()
    quick(): string {
      return 'quick';
    }
  }
  return { Gated, started, gate };
}

/** An application on a file with that handler, and another one to look at the file. */
async function gatedApp(worker: WorkerOptions = {}) {
  const parts = gatedHandler();
  const database = tempFile();
  const { queue: onlooker } = await startApp([parts.Gated], { database, worker: false });
  const app = await startApp([parts.Gated], { database, worker }); // the later one gets Nest's log
  return { ...parts, app, database, onlooker };
}

describe('close()', () => {
  test('lets running handlers finish and claims nothing more', async () => {
    const { app, Gated, started, gate, onlooker } = await gatedApp({ concurrency: 1 });
    const running = await app.queue.for(Gated).wait();
    await started.opened;
    const waiting = await app.queue.for(Gated).quick();
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await eventually(async () => app.worker.stats()?.state === 'draining');
    expect(await onlooker.handle(running.id).status()).toBe('running');
    expect(closed).toBe(false);
    gate.open();
    await closing;
    expect(await onlooker.handle(running.id).result(patience)).toBe('waited');
    expect(await onlooker.handle(waiting.id).status()).toBe('queued');
    expect(app.worker.stats()?.state).toBe('stopped');
  });

  test('may be called twice, at once and later', async () => {
    const { app, Gated, started, gate, onlooker } = await gatedApp();
    const running = await app.queue.for(Gated).wait();
    await started.opened;
    const closing = [app.close(), app.close()];
    gate.open();
    await Promise.all(closing);
    await app.close();
    expect(await onlooker.handle(running.id).result(patience)).toBe('waited');
    const stops = app.lines.ofSitq.filter((line) => line.includes('has stopped'));
    expect(stops).toHaveLength(1);
  });

  test('works on an application that was never initialised', async () => {
    const imports = [SitqModule.forRoot({ database: tempFile() })];
    const module = await Test.createTestingModule({ imports }).compile();
    await module.close();
    await expect(module.get(TaskQueue).counts()).rejects.toThrow('closed');
  });

  test('of an idle application is immediate', async () => {
    const { app } = await gatedApp({ shutdownTimeout: '10m', pollInterval: '1h' });
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('while the worker drains', () => {
  test('everybody can enqueue, wait and look', async () => {
    const { app, Gated, started, gate, database } = await gatedApp();
    const { queue } = app;
    const running = await queue.for(Gated).wait();
    await started.opened;
    const closing = app.close();
    await eventually(async () => app.worker.stats()?.state === 'draining');
    const late = await queue.for(Gated).quick();
    await eventually(async () => {
      const { running: runs, queued } = await queue.counts();
      return runs === 1 && queued === 1; // a claim that was on its way has been given back
    });
    const waiting = running.result(patience);
    gate.open();
    expect(await waiting).toBe('waited');
    await closing;
    const next = await startApp([Gated], { database });
    expect(await next.queue.handle(late.id).result(patience)).toBe('quick');
  });

  test('shutdown hooks can enqueue, in every phase', async () => {
    const database = tempFile();
    @Injectable()
    class Farewell implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
      constructor(private readonly queue: TaskQueue) {}
      async onModuleDestroy(): Promise<void> {
        await this.queue.enqueue('farewell', ['onModuleDestroy']);
      }
      async beforeApplicationShutdown(): Promise<void> {
        await this.queue.enqueue('farewell', ['beforeApplicationShutdown']);
      }
      async onApplicationShutdown(): Promise<void> {
        await this.queue.enqueue('farewell', ['onApplicationShutdown']);
      }
    }
    const app = await startApp([Farewell], { database });
    const { queue: onlooker } = await startApp([], { database, worker: false });
    await app.close();
    expect((await onlooker.counts()).queued).toBe(3);
  });
});

describe('at the end of the shutdown timeout', () => {
  test('a handler that heeds its signal is given back, attempt and all', async () => {
    const { app, Gated, started, onlooker, database } = await gatedApp({ shutdownTimeout: 100 });
    const { id } = await app.queue.for(Gated).heed('throws');
    await started.opened;
    await app.close();
    expect(await onlooker.getTask(id)).toMatchObject({
      status: 'queued',
      attempt: 0,
      workerId: null,
    });
    expect(app.lines.ofSitq.join()).not.toContain('failed');
    expect((await onlooker.backend.getResult(id))?.error).toBeNull();
    const next = await startApp([Gated], { database, worker: { shutdownTimeout: 100 } });
    await eventually(async () => (await next.queue.getTask(id))?.attempt === 1);
  });

  test('one that finishes on its signal has completed', async () => {
    const { app, Gated, started, onlooker } = await gatedApp({ shutdownTimeout: 100 });
    const { id } = await app.queue.for(Gated).heed('returns');
    await started.opened;
    await app.close();
    expect(await onlooker.handle(id).result(patience)).toBe(WorkerShutdownError.name);
  });

  test('one that never ends is given back, and can change nothing any more', async () => {
    const { app, Gated, started, gate, onlooker } = await gatedApp({ shutdownTimeout: 200 });
    const { id } = await app.queue.for(Gated).wait();
    await started.opened;
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(5000);
    expect(await onlooker.getTask(id)).toMatchObject({ status: 'queued', attempt: 0 });
    expect(app.lines.ofSitq).toContain(
      `warn Task Gated.wait ${id} still runs at the end of the shutdown timeout; it is given back. [Sitq]`,
    );
    const said = app.lines.all.length;
    gate.open();
    await eventually(async () => app.worker.stats()?.inFlight === 0);
    expect(await onlooker.getTask(id)).toMatchObject({ status: 'queued', attempt: 0 });
    expect(app.lines.all.slice(said)).toEqual([]);
  });

  test('one that is stuck already keeps its outcome, and nobody waits for it', async () => {
    const { app, Gated, started, gate, onlooker } = await gatedApp({
      shutdownTimeout: 200,
      timeoutGrace: 5,
    });
    const handle = await app.queue.for(Gated, { timeout: 5, attempts: 1 }).wait();
    await started.opened;
    await app.queue.getResult(handle.id, patience);
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(5000);
    const said = app.lines.all.length;
    gate.open();
    await eventually(async () => app.worker.stats()?.inFlight === 0);
    expect(await onlooker.handle(handle.id).status()).toBe('failed');
    expect((await onlooker.counts()).stuck).toBe(0);
    expect(app.lines.all.slice(said)).toEqual([
      `warn Task Gated.wait ${handle.id} is no longer stuck. [Sitq]`,
    ]);
  });

  test('may be at once', async () => {
    const { app, Gated, started, onlooker } = await gatedApp({ shutdownTimeout: 0 });
    const { id } = await app.queue.for(Gated).wait();
    await started.opened;
    await app.close();
    expect(await onlooker.getTask(id)).toMatchObject({ status: 'queued', attempt: 0 });
  });
});

describe('in an application', () => {
  test.each(['before', 'after'])('handlers may use TypeOrmModule imported %s', async (order) => {
    const started = new Gate();
    const gate = new Gate();
    @Injectable()
    class Reports {
      constructor(private readonly dataSource: DataSource) {}
      @Task()
      async build(): Promise<unknown> {
        started.open();
        await gate.opened;
        return this.dataSource.query('SELECT 6 * 7 AS answer');
      }
    }
    const database = tempFile();
    const sitq = SitqModule.forRoot({ database });
    const typeorm = TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:' });
    const app = await startModule({
      imports: order === 'before' ? [typeorm, sitq] : [sitq, typeorm],
      providers: [Reports],
    });
    const { queue: onlooker } = await startApp([], { database, worker: false });
    const { id } = await app.queue.for(Reports).build();
    await started.opened;
    const closing = app.close();
    await eventually(async () => app.worker.stats()?.state === 'draining');
    gate.open();
    await closing;
    expect(await onlooker.handle(id).result(patience)).toEqual([{ answer: 42 }]);
  });

  test('the worker has stopped before the next phase of the shutdown', async () => {
    const states: (string | undefined)[] = [];
    @Injectable()
    class Onlooker implements BeforeApplicationShutdown {
      constructor(private readonly modules: ModuleRef) {}
      beforeApplicationShutdown(): void {
        states.push(this.modules.get(WorkerHost, { strict: false }).stats()?.state);
      }
    }
    const app = await startApp([Onlooker]);
    await app.close();
    expect(states).toEqual(['stopped']);
  });

  test('tasks run only when all modules are initialised', async () => {
    const steps: string[] = [];
    @Injectable()
    class Early implements OnModuleInit, OnApplicationBootstrap {
      constructor(private readonly queue: TaskQueue) {}
      async onModuleInit(): Promise<void> {
        const handle = await this.queue.for(Early).work();
        expect(await this.queue.getResult(handle.id, { timeout: 50 })).toBeNull();
        steps.push('initialised');
      }
      onApplicationBootstrap(): void {
        steps.push('bootstrapped');
      }
      @Task()
      work(): void {
        steps.push('task');
      }
    }
    await startApp([Early]);
    await eventually(async () => steps.length === 3);
    expect(steps).toEqual(['initialised', 'bootstrapped', 'task']);
  });
});
