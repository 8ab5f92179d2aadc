import { Injectable } from '@nestjs/common';
import {
  Backend,
  BackendError,
  SitqModule,
  Task,
  TaskHandle,
  TaskQueue,
  TypeOrmBackend,
  Worker,
  WorkerHost,
  type FinalResult,
  type NewTask,
  type ReservedTask,
  type Result,
  type StatusChange,
  type StoredResult,
  type StoredTask,
} from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { startApp, startModule } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

/**
 * The documents of the Python library *sitq*, item by item, each with its counterpart here.
 * Python's keyword arguments become an object argument.
 */

const patience = { timeout: '50s' } as const;

@Injectable()
class Mail {
  /** In Python: `def welcome(to, *, copies)`. */
  @Task()
  welcome(to: string, { copies }: { copies: number }): string {
    return `${copies} to ${to}`;
  }

  @Task({ attempts: 1 })
  lose(): never {
    throw new RangeError('lost');
  }
}

describe('sitq.core: Task', () => {
  const eta = new Date(Date.now() + 3_600_000);

  async function waitingTask() {
    const { queue } = await startApp([Mail], { worker: false });
    const handle = await queue.for(Mail, { eta }).welcome('ann', { copies: 2 });
    return { id: handle.id, task: (await queue.getTask(handle.id))! };
  }

  test('id', async () => {
    const { id, task } = await waitingTask();
    expect(task.id).toBe(id);
  });

  test('function is the name of a handler', async () => {
    const { task } = await waitingTask();
    expect(task.name).toBe('Mail.welcome');
  });

  test('args and kwargs are the arguments, the latter as an object', async () => {
    const { task } = await waitingTask();
    expect(task.args).toEqual(['ann', { copies: 2 }]);
  });

  test('eta', async () => {
    const { task } = await waitingTask();
    expect(task.eta).toEqual(eta);
  });

  test('created_at', async () => {
    const before = Date.now();
    const { task } = await waitingTask();
    expect(task.createdAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(task.createdAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('status is queued, running, completed or failed', async () => {
    const seen: string[] = [];
    const { queue } = await startApp([Mail], {
      plugins: [
        {
          name: 'onlooker',
          aroundRun: async ({ id }, next) => {
            seen.push((await queue.getTask(id))!.status);
            return next();
          },
        },
      ],
    });
    const waiting = await queue.for(Mail, { eta }).lose();
    const good = await queue.for(Mail).welcome('ann', { copies: 1 });
    await queue.getResult(good.id, patience);
    const bad = await queue.for(Mail).lose();
    await queue.getResult(bad.id, patience);
    expect(await waiting.status()).toBe('queued');
    expect(seen).toEqual(['running', 'running']);
    expect(await good.status()).toBe('completed');
    expect(await bad.status()).toBe('failed');
  });
});

describe('sitq.core: Result', () => {
  async function results(): Promise<{ success: Result; failure: Result; queue: TaskQueue }> {
    const { queue } = await startApp([Mail]);
    const good = await queue.for(Mail).welcome('ann', { copies: 2 });
    const bad = await queue.for(Mail).lose();
    const success = (await queue.getResult(good.id, patience))!;
    return { success, failure: (await queue.getResult(bad.id, patience))!, queue };
  }

  test('task_id', async () => {
    const { success, queue } = await results();
    expect((await queue.getTask(success.taskId))?.name).toBe('Mail.welcome');
  });

  test('status is success, failed or pending', async () => {
    const { success, failure, queue } = await results();
    const { id } = await queue.enqueue('nobody handles this');
    const pending = await queue.backend.getResult(id);
    const statuses = [success, failure, pending].map((result) => result?.status);
    expect(statuses).toEqual(['success', 'failed', 'pending']);
  });

  test('value is the serialized result', async () => {
    const { success, failure } = await results();
    expect(success.value).toBe('"2 to ann"');
    expect(failure.value).toBeNull();
  });

  test('error is the message', async () => {
    const { success, failure } = await results();
    expect(failure.error).toBe('lost');
    expect(success.error).toBeNull();
  });

  test('traceback is the stack', async () => {
    const { success, failure } = await results();
    expect(failure.stack).toMatch(/^RangeError: lost\n\s+at Mail\.lose/);
    expect(success.stack).toBeNull();
  });

  test('created_at and completed_at', async () => {
    const { success, failure } = await results();
    for (const { createdAt, completedAt } of [success, failure]) {
      expect(completedAt!.getTime()).toBeGreaterThanOrEqual(createdAt.getTime());
    }
  });
});

describe('sitq.core: ReservedTask', () => {
  test('id, function, args, kwargs and eta', async () => {
    const { queue } = await startApp([Mail], { worker: false });
    const eta = new Date(Date.now() - 1000);
    const { id } = await queue.for(Mail, { eta }).welcome('ann', { copies: 2 });
    const [reserved] = await queue.backend.reserveTask('worker-1');
    expect(reserved).toMatchObject({ id, name: 'Mail.welcome', eta: eta.getTime() });
    expect(JSON.parse(reserved!.payload)).toEqual(['ann', { copies: 2 }]);
  });
});

describe('sitq.core: the usage example', () => {
  test('TaskQueue, Worker and SQLiteBackend', async () => {
    const backend = new TypeOrmBackend({ database: tempFile('tasks.sqlite') });
    const { module } = await startModule({
      imports: [SitqModule.forRoot({ backend })],
      providers: [Mail],
    });
    const queue = module.get(TaskQueue);
    expect(queue.backend).toBe(backend);
    expect(module.get(WorkerHost, { strict: false }).stats()?.state).toBe('running');
    expect(Worker).toBeDefined(); // what WorkerHost runs

    // Enqueue task
    const handle = await queue.enqueue('Mail.welcome', ['ann', { copies: 1 }]);
    expect(handle).toBeInstanceOf(TaskHandle);

    // Get result
    const result = await queue.getResult(handle.id, patience);

    // Check status
    let printed: string;
    if (result?.status === 'success') {
      const value = queue.deserializeResult(result);
      printed = `Result: ${String(value)}`;
    } else {
      printed = `Error: ${result?.error}`;
    }
    expect(printed).toBe('Result: 1 to ann');
  });

  test('get_result answers None when the time is up', async () => {
    const { queue } = await startApp([Mail], { worker: false });
    const { id } = await queue.for(Mail).lose();
    expect(await queue.getResult(id, { timeout: 1 })).toBeNull();
  });
});

describe('sitq.backends.base: Backend', () => {
  const task: NewTask = {
    id: 'task-1',
    name: 'Mail.welcome',
    queue: 'default',
    payload: '["ann",{"copies":2}]',
    priority: 0,
    eta: 0,
    maxAttempts: null,
    timeout: null,
    backoff: null,
    meta: null,
    createdAt: 0,
  };

  const backends: Backend[] = [];
  async function openBackend(database = tempFile()): Promise<Backend> {
    const backend: Backend = new TypeOrmBackend({ database });
    await backend.open();
    backends.push(backend);
    return backend;
  }
  afterEach(() => Promise.all(backends.splice(0).map((backend) => backend.close())));

  test('enqueue_task(task, function, args, kwargs)', async () => {
    const backend = await openBackend();
    await backend.enqueueTask(task);
    expect(await backend.getTask(task.id)).toMatchObject(task);
  });

  test('enqueue_task raises BackendError when the task cannot be stored', async () => {
    const database = tempFile();
    const backend = await openBackend(database);
    const wrecker = new DataSource({ type: 'better-sqlite3', database });
    await wrecker.initialize();
    await wrecker.query('DROP TABLE sitq_task');
    await wrecker.destroy();
    const refusal: unknown = await backend.enqueueTask(task).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BackendError);
    expect(refusal).toMatchObject({ code: 'SITQ_BACKEND', transient: false });
    expect((refusal as Error).message).toContain('no such table');
  });

  test('reserve_task(worker_id, max_tasks=1)', async () => {
    const backend = await openBackend();
    for (const id of ['a', 'b', 'c']) await backend.enqueueTask({ ...task, id });
    expect(await backend.reserveTask('worker-1')).toHaveLength(1);
    expect(await backend.reserveTask('worker-1', { maxTasks: 5 })).toHaveLength(2);
    expect((await backend.getTask('a'))?.workerId).toBe('worker-1');
  });

  test('get_task(task_id) answers the task or None', async () => {
    const backend = await openBackend();
    await backend.enqueueTask(task);
    expect((await backend.getTask(task.id))?.id).toBe(task.id);
    expect(await backend.getTask('nobody')).toBeNull();
  });

  test('update_task_status(task_id, status)', async () => {
    const backend = await openBackend();
    await backend.enqueueTask(task);
    const status = async () => (await backend.getTask(task.id))?.status;
    expect(await status()).toBe('queued');
    const [reserved] = await backend.reserveTask('worker-1'); // running is what a claim makes it
    expect(await status()).toBe('running');
    await backend.updateTaskStatus(task.id, 'queued', { lease: reserved!.lease });
    expect(await status()).toBe('queued');
    await backend.updateTaskStatus(task.id, 'cancelled');
    expect(await status()).toBe('cancelled');
  });

  test('store_result(task_id, result) makes it completed or failed', async () => {
    const backend = await openBackend();
    const ends: [string, FinalResult][] = [
      ['completed', { lease: 1, status: 'success', value: '1' }],
      [
        'failed',
        { lease: 1, status: 'failed', error: { name: 'E', message: 'lost', stack: null } },
      ],
    ];
    for (const [status, result] of ends) {
      await backend.enqueueTask({ ...task, id: status });
      await backend.reserveTask('worker-1');
      await backend.storeResult(status, result);
      expect((await backend.getTask(status))?.status).toBe(status);
    }
  });

  test('get_result(task_id) answers the result or None', async () => {
    const backend = await openBackend();
    await backend.enqueueTask(task);
    expect(await backend.getResult(task.id)).toMatchObject({ taskId: task.id, status: 'pending' });
    expect(await backend.getResult('nobody')).toBeNull();
  });
});

describe('sitq.backends.base: implementing a custom backend', () => {
  class MyBackend extends Backend {
    async open(): Promise<void> {}
    async close(): Promise<void> {}
    /** Store task in custom storage. */
    async enqueueTask(_task: NewTask): Promise<void> {}
    /** Reserve tasks for worker. */
    async reserveTask(_workerId: string): Promise<ReservedTask[]> {
      return [];
    }
    /** Get task by ID. */
    async getTask(_taskId: string): Promise<StoredTask | null> {
      return null;
    }
    /** Update task status. */
    async updateTaskStatus(_id: string, _status: string, _change?: StatusChange): Promise<void> {}
    /** Store task result. */
    async storeResult(_taskId: string, _result: FinalResult): Promise<void> {}
    /** Get task result. */
    async getResult(_taskId: string): Promise<StoredResult | null> {
      return null;
    }
  }

  test('the skeleton is a backend', async () => {
    const { queue, worker } = await startApp([Mail], { backend: new MyBackend() });
    const { id } = await queue.for(Mail).lose();
    expect(await queue.getTask(id)).toBeNull();
    expect(worker.stats()?.state).toBe('running');
  });

  test('the skeleton, filled in, runs tasks', async () => {
    const { queue } = await startApp([Mail], {
      backend: new EightMethodsBackend(),
      worker: { pollInterval: 10 },
    });
    const handle = await queue.for(Mail).welcome('ann', { copies: 3 });
    expect(await handle.result(patience)).toBe('3 to ann');
  });
});
