import { Injectable } from '@nestjs/common';
import { Task, TaskContext, TaskNotFoundError, TaskQueue } from 'nestjs-sitq';
import { startApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '20s' } as const;

/** Ends the statement it is put into, whatever the quotes are, and does the worst. */
const INJECTION = `x'"\`;) OR 1=1; DROP TABLE sitq_task; -- $1 ? :id {task} \\`;

/** Names that every object has. */
@Injectable()
class Odd {
  constructor(private readonly run: TaskContext) {}

  @Task({ name: '__proto__', concurrency: 1 })
  proto(): string {
    return this.run.task.name;
  }

  @Task({ name: 'constructor', queue: 'toString', concurrency: 1 })
  construct(): string {
    return this.run.task.name;
  }

  @Task({ name: INJECTION, queue: INJECTION })
  inject(...args: unknown[]): unknown[] {
    this.run.log(INJECTION);
    this.run.progress(INJECTION);
    return args;
  }
}

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  let queue: TaskQueue;
  beforeAll(async () => void (store = await tempStore(kind)));
  beforeEach(async () => {
    ({ queue } = await startApp([], { ...store.options, worker: false }));
  });

  test('what looks like SQL is text', async () => {
    const app = await startApp([Odd], store.options);
    const id = `${INJECTION} 1`;
    const meta = { [INJECTION]: INJECTION };
    const args = [INJECTION, { [INJECTION]: INJECTION }];
    const handle = await app.queue.enqueue(INJECTION, args, { id, meta });
    expect(await handle.result(patience)).toEqual(args);
    const task = await app.queue.getTask(id);
    expect(task).toMatchObject({
      id,
      name: INJECTION,
      queue: INJECTION,
      meta,
      progress: INJECTION,
    });
    expect((await app.queue.getLog(id)).map(({ line }) => line)).toEqual([INJECTION]);
    expect(await app.queue.cancel(id)).toBe('completed');
  });

  test('a task can call what was registered and nothing that every object has', async () => {
    const app = await startApp([Odd], store.options);
    const inherited = await app.queue.enqueue('toString', [], { priority: 100 });
    for (const name of ['__proto__', 'constructor']) {
      expect(await (await app.queue.enqueue(name)).result(patience)).toBe(name);
    }
    expect(await app.queue.getTask(inherited.id)).toMatchObject({ status: 'queued', attempt: 0 });
    const [worker] = await app.queue.workers();
    expect(Object.entries(worker!.limits)).toEqual([
      ['__proto__', 1],
      ['constructor', 1],
    ]);
  });

  test('meta may have any key', async () => {
    const meta = JSON.parse('{"__proto__":"a","constructor":"b\\u0000\\ud800"}') as {};
    const { id } = await queue.enqueue('Elsewhere.do', [], { meta });
    const task = await queue.getTask(id);
    expect(Object.entries(task!.meta)).toEqual(Object.entries(meta));
    expect(Object.getPrototypeOf(task!.meta)).toBe(Object.prototype);
  });

  test.each<[what: string, id: unknown]>([
    ['NUL', 'a\0b'],
    ['half a character', 'a\ud800b'],
    ['two lines', 'a\nerror It was me'],
    ['a megabyte', 'x'.repeat(1024 * 1024)],
    ['nothing', undefined],
    ['an object', { id: 1 }],
    ['an object without a prototype', Object.create(null)],
    ['a list', ['a', 'b']],
  ])('there is no task whose id is %s', async (_, given) => {
    const id = given as string;
    await queue.enqueue('Elsewhere.do', [], { id: 'a' });
    expect(await queue.getTask(id)).toBeNull();
    for (const ask of [
      () => queue.getResult(id, { timeout: 0 }),
      () => queue.getLog(id),
      () => queue.cancel(id),
      () => queue.explain(id),
    ]) {
      const refusal: unknown = await ask().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TaskNotFoundError);
      expect((refusal as Error).message).not.toContain('\n');
      expect((refusal as Error).message.length).toBeLessThan(300);
    }
    expect(await queue.getTask('a')).toMatchObject({ status: 'queued' });
  });
});
