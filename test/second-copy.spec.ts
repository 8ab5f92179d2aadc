import { Injectable } from '@nestjs/common';
import {
  BackendError,
  DoNotRetryError,
  QueueClosedError,
  SitqError,
  Task,
  TaskFailedError,
  TaskTimeoutError,
  TypeOrmBackend,
  type Backend,
} from 'nestjs-sitq';
import { rmSync } from 'node:fs';
import { secondCopy } from './app/second-copy.js';
import { Recorder } from './app/recorder.plugin.js';
import { startApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

/** Another copy of everything that is imported above. */
const { folder, sitq: other } = await secondCopy();
afterAll(() => rmSync(folder, { recursive: true }));

const HOUR = 3_600_000;

@Injectable()
class OrderTasks {
  @Task()
  refuse(): void {
    throw new other.DoNotRetryError('no such order');
  }

  @Task()
  later(): void {
    throw new other.RetryAfterError('1h');
  }

  @Task()
  putOff(): void {
    throw new other.Snooze('1h');
  }

  @other.Task({ queue: 'other' })
  greet(name: string): string {
    return `Hello ${name}`;
  }
}

test('there are two copies', () => {
  expect(other.DoNotRetryError).not.toBe(DoNotRetryError);
  expect(Object.getPrototypeOf(new other.DoNotRetryError('no'))).not.toBe(
    DoNotRetryError.prototype,
  );
});

describe('what a handler throws means the same from either copy', () => {
  const recorder = new Recorder();
  const start = () => startApp([OrderTasks], { plugins: [recorder] });

  test('no attempt follows DoNotRetryError', async () => {
    const { queue } = await start();
    const task = await queue.for(OrderTasks).refuse();
    expect(await recorder.outcome(task)).toMatchObject({ kind: 'failed' });
    expect(await queue.getTask(task.id)).toMatchObject({ status: 'failed', attempt: 1 });
  });

  test('RetryAfterError chooses the delay', async () => {
    const { queue } = await start();
    const before = Date.now();
    const outcome = await recorder.outcome(await queue.for(OrderTasks).later());
    if (outcome.kind !== 'retry') throw new Error(outcome.kind);
    expect(outcome.eta).toBeGreaterThanOrEqual(before + HOUR);
  });

  test('Snooze gives the attempt back', async () => {
    const { queue } = await start();
    const task = await queue.for(OrderTasks).putOff();
    expect(await recorder.outcome(task)).toMatchObject({ kind: 'snoozed' });
    expect(await queue.getTask(task.id)).toMatchObject({ status: 'queued', attempt: 0 });
  });
});

test('a handler that the other copy marked is found', async () => {
  const { queue } = await startApp([OrderTasks]);
  const task = await queue.for(OrderTasks).greet('Ann');
  expect(await task.result()).toBe('Hello Ann');
  expect(await queue.getTask(task.id)).toMatchObject({ queue: 'other' });
});

test('a backend of the other copy is one', async () => {
  const backend: Backend = new other.TypeOrmBackend({ database: tempFile() });
  const { queue } = await startApp([OrderTasks], { backend });
  expect(await (await queue.for(OrderTasks).greet('Ann')).result()).toBe('Hello Ann');
  const failed = await queue.for(OrderTasks).refuse();
  await expect(failed.result()).rejects.toThrow(TaskFailedError);
  await backend.close();
  await expect(queue.for(OrderTasks).greet('Bob')).rejects.toThrow(QueueClosedError);
});

describe('instanceof', () => {
  const pairs = [
    { error: new other.BackendError('busy', { transient: true }), kind: BackendError },
    { error: new TaskTimeoutError('1', 2), kind: other.TaskTimeoutError },
  ] as const;

  test.each(pairs)('knows a $error.name of the other copy', ({ error, kind }) => {
    expect(error instanceof kind).toBe(true);
    expect(error instanceof SitqError).toBe(true);
    expect(error instanceof other.SitqError).toBe(true);
  });

  test('knows nothing else', () => {
    class OwnError extends DoNotRetryError {}
    const strange = new Proxy(new Error('no'), {
      get: () => {
        throw new Error('unreadable');
      },
    });
    expect(new OwnError('no') instanceof DoNotRetryError).toBe(true);
    expect(new OwnError('no') instanceof other.DoNotRetryError).toBe(true);
    expect(new DoNotRetryError('no') instanceof OwnError).toBe(false);
    expect(new other.DoNotRetryError('no') instanceof OwnError).toBe(false);
    for (const value of [strange, new Error('no'), { code: 'ENOENT' }, null, 'SITQ_BACKEND']) {
      expect(value instanceof SitqError).toBe(false);
      expect(value instanceof DoNotRetryError).toBe(false);
    }
    expect(new TypeOrmBackend({ database: ':memory:' }) instanceof BackendError).toBe(false);
  });
});
