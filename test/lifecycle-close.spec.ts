import { Injectable } from '@nestjs/common';
import { SitqModule, Task, TaskQueue, TypeOrmBackend, type Duration } from 'nestjs-sitq';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { Child } from './app/processes/child.js';
import { compileModule, startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempFile } from './app/temp-file.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '10s' } as const;

/** An application with a handler that closes it, and another one to look at its file. */
async function selfClosing(shutdownTimeout: Duration) {
  const database = tempFile();
  const closed = new Gate();
  const end = new Gate<Error | undefined>();
  const other = new Gate();
  @Injectable()
  class Handlers {
    @Task({ backoff: '1h' })
    async close(): Promise<string> {
      await app.close();
      closed.open();
      const error = await end.opened;
      if (error) throw error;
      return 'closed';
    }
    @Task()
    async other(): Promise<string> {
      other.open();
      await nextTurn();
      return 'other';
    }
  }
  const { queue: onlooker } = await startApp([Handlers], { database, worker: false });
  const app = await startApp([Handlers], { database, worker: { shutdownTimeout } });
  return { app, Handlers, closed, end, other, onlooker, database };
}

describe('a handler that closes its application', () => {
  test('is not waited for, and its outcome is stored', async () => {
    const { app, Handlers, closed, end, onlooker } = await selfClosing('1h');
    const other = await app.queue.for(Handlers).other();
    const { id } = await app.queue.for(Handlers).close();
    await closed.opened;
    expect(await onlooker.handle(other.id).result(patience)).toBe('other');
    end.open(undefined);
    expect(await onlooker.handle(id).result(patience)).toBe('closed');
    await eventually(async () => app.worker.stats()?.state === 'stopped');
    await eventually(async () => (await onlooker.workers()).length === 0);
    const closing = app.queue.backend.getTask(id);
    await expect(closing).rejects.toThrow('closed');
  });

  test('that fails afterwards has failed, and spent its attempt', async () => {
    const { app, Handlers, closed, end, onlooker } = await selfClosing('1h');
    const { id } = await app.queue.for(Handlers).close();
    await closed.opened;
    end.open(new Error('after all'));
    await eventually(async () => (await onlooker.getTask(id))?.status === 'queued');
    expect(await onlooker.getTask(id)).toMatchObject({ attempt: 1 });
  });

  test('that does not end has spent its attempt at the end of the shutdown timeout', async () => {
    const { app, Handlers, closed, onlooker } = await selfClosing('100ms');
    const { id } = await app.queue.for(Handlers).close();
    await closed.opened;
    await eventually(async () => (await onlooker.getTask(id))?.status === 'queued');
    expect(await onlooker.getTask(id)).toMatchObject({ attempt: 1 });
    expect((await onlooker.backend.getResult(id))?.error).toMatchObject({
      message: expect.stringContaining('closed the application'),
    });
  });

  test('has its time from when the others have had theirs', async () => {
    const database = tempFile();
    const closed = new Gate();
    @Injectable()
    class Handlers {
      @Task()
      endless(): Promise<void> {
        return new Promise(() => undefined);
      }
      @Task()
      async close(): Promise<string> {
        await app.close();
        closed.open();
        return 'closed';
      }
    }
    const { queue: onlooker } = await startApp([Handlers], { database, worker: false });
    const app = await startApp([Handlers], { database, worker: { shutdownTimeout: '500ms' } });
    const endless = await app.queue.for(Handlers).endless();
    await eventually(async () => (await onlooker.getTask(endless.id))?.status === 'running');
    const { id } = await app.queue.for(Handlers).close();
    await closed.opened;
    expect(await onlooker.handle(id).result(patience)).toBe('closed');
    expect(await onlooker.getTask(id)).toMatchObject({ attempt: 1 });
    expect(await onlooker.getTask(endless.id)).toMatchObject({ status: 'queued' });
  });

  test.each(stores())('runs once, and the process ends: %s', async (kind) => {
    const store = await tempStore(kind);
    const backend = new TypeOrmBackend(store.options);
    await backend.open();
    const { id } = await new TaskQueue({ backend }).enqueue('close', []);
    const first = Child.closer('first', store.options);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(first.output.trim().split('\n')).toEqual(['closing', 'closed']);
    expect(await backend.getTask(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await backend.listWorkers()).toEqual([]);
    await backend.close();
  });
});

describe('close()', () => {
  test('while the application boots leaves no worker behind', async () => {
    const booting = new Gate();
    const goOn = new Gate();
    @Injectable()
    class Slow {
      async onApplicationBootstrap(): Promise<void> {
        booting.open();
        await goOn.opened;
      }
    }
    const database = tempFile();
    const app = await compileModule({
      imports: [SitqModule.forRoot({ database })],
      providers: [Slow],
    });
    const http = app.module.createNestApplication();
    const initialising = http.init();
    await booting.opened;
    const closing = http.close();
    await nextTurn();
    goOn.open();
    await Promise.allSettled([initialising, closing]);
    expect(app.worker.stats()).toBeNull();
    const { queue } = await startApp([], { database, worker: false });
    expect(await queue.workers()).toEqual([]);
  });

  test('comes to the end of an application that was initialised twice at once', async () => {
    const app = await compileModule({ imports: [SitqModule.forRoot({ database: tempFile() })] });
    const http = app.module.createNestApplication();
    await Promise.all([http.init(), http.init()]);
    await http.close();
    expect(app.worker.stats()?.state).toBe('stopped');
    expect(app.lines.ofSitq.filter((line) => line.includes('has stopped'))).toHaveLength(1);
  });
});
