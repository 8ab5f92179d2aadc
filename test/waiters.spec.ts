import { Injectable } from '@nestjs/common';
import { Task, TypeOrmBackend, type StoredResult } from 'nestjs-sitq';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { eventually } from './app/eventually.js';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const WAITERS = 1000;
const patience = { timeout: '50s' } as const;

@Injectable()
class Mails {
  @Task()
  send(to: string): string {
    return to;
  }
}

/** The real store, with a note of each look at results. */
class NotingBackend extends TypeOrmBackend {
  readonly looks: number[] = [];

  override getResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    this.looks.push(taskIds.length);
    return super.getResults(taskIds);
  }
}

describe.each(stores())('on %s', (kind) => {
  test('many waiters look together, and each gets what it waits for', async () => {
    const store = await tempStore(kind);
    const backend = new NotingBackend(store.options);
    const { queue } = await startApp([Mails], { backend, worker: false });
    const ids = Array.from({ length: WAITERS }, (_, i) => `${i}`);
    await queue.enqueueMany(
      Mails,
      'send',
      ids.map((id): [string] => [id]),
      { id: ([id]) => id },
    );
    const waiting = ids.map((id) => queue.handle<string>(id).result(patience));
    // Before and after it listens each of them looks once.
    await eventually(async () => backend.looks.reduce((sum, of) => sum + of, 0) >= 2 * WAITERS);
    expect(backend.looks.length).toBeLessThan(20);
    expect(Math.max(...backend.looks)).toBeLessThanOrEqual(500);

    const { length } = backend.looks;
    await startApp([Mails], { ...store.options, worker: { concurrency: 100 } });
    expect(await Promise.all(waiting)).toEqual(ids);
    console.log(kind, 'looks while they ran:', backend.looks.length - length);
    expect(backend.looks.length - length).toBeLessThan(WAITERS);
  });

  test('what waits for a task that is removed is told', async () => {
    const store = await tempStore(kind);
    const { queue } = await startApp([Mails], { ...store.options, worker: false });
    const { id } = await queue.for(Mails).send('ann');
    const waiting = queue.getResult(id, patience);
    const refusal = waiting.catch((error: unknown) => error);
    const sql = await store.sql();
    await sql.run('DELETE FROM sitq_task');
    await sql.close();
    expect(await refusal).toMatchObject({ code: 'SITQ_TASK_NOT_FOUND' });
  });
});

test('a backend that reads one result at a time will do', async () => {
  const backend = new EightMethodsBackend();
  const { queue } = await startApp([Mails], { backend, worker: { pollInterval: 20 } });
  const ids = Array.from({ length: 35 }, (_, i) => `${i}`);
  const handles = await Promise.all(ids.map((id) => queue.for(Mails, { id }).send(id)));
  const results = await Promise.all(handles.map((handle) => handle.result(patience)));
  expect(results).toEqual(ids);
  await expect(queue.getResult('nobody')).rejects.toMatchObject({ code: 'SITQ_TASK_NOT_FOUND' });
});

test('a signal that many waits share has one listener, and ends them all', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error) => void warnings.push(warning);
  process.on('warning', warn);
  const { queue } = await startApp([Mails], { worker: false });
  const { id } = await queue.for(Mails).send('ann');
  const controller = new AbortController();
  const { signal } = controller;
  const waits = Array.from({ length: 200 }, () => queue.getResult(id, { signal }));
  const short = await queue.getResult(id, { signal, timeout: 50 });
  expect(short).toBeNull();
  controller.abort(new Error('enough'));
  const ends = await Promise.allSettled(waits);
  process.off('warning', warn);
  expect(ends.map((end) => end.status === 'rejected' && end.reason.message)).toEqual(
    Array(200).fill('enough'),
  );
  expect(warnings).toEqual([]);
});
