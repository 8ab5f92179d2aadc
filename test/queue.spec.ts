import { Injectable } from '@nestjs/common';
import {
  BackendError,
  QueueClosedError,
  ResultTimeoutError,
  SerializationError,
  SitqError,
  Task,
  TaskCancelledError,
  TaskFailedError,
  TaskNotFoundError,
  TaskQueue,
  TaskTimeoutError,
  TypeOrmBackend,
  ValidationError,
  type Backend,
  type Duration,
  type EnqueueManyOptions,
  type EnqueueOptions,
  type Serializer,
} from 'nestjs-sitq';
import { inspect } from 'node:util';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { Gate } from './app/gate.js';
import { startApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

@Injectable()
class Letters {
  static gate = new Gate();

  @Task({ queue: 'post', priority: 7 })
  send(to: string, copies = 1): string {
    return `${copies} to ${to}`;
  }

  @Task({ attempts: 1 })
  lose(): never {
    throw new RangeError('lost');
  }

  @Task({ attempts: 1, timeout: 5 })
  async wander(): Promise<void> {
    await Letters.gate.opened;
  }

  @Task()
  nothing(): void {}

  notATask(): void {}
}

const patience = { timeout: '50s' } as const;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A queue whose tasks nobody runs. */
async function idleQueue(): Promise<TaskQueue> {
  return (await startApp([Letters], { worker: false })).queue;
}

beforeEach(() => {
  Letters.gate = new Gate();
});

describe('enqueue', () => {
  test('takes a name, a class with a method, or the typed form, all the same', async () => {
    const queue = await idleQueue();
    const handles = [
      await queue.enqueue('Letters.send', ['Ann', 2]),
      await queue.enqueue(Letters, 'send', ['Ann', 2]),
      await queue.for(Letters).send('Ann', 2),
    ];
    for (const { id } of handles) {
      expect(await queue.getTask(id)).toEqual({
        id,
        name: 'Letters.send',
        queue: 'post',
        args: ['Ann', 2],
        status: 'queued',
        priority: 7,
        eta: expect.any(Date),
        attempt: 0,
        maxAttempts: null,
        workerId: null,
        meta: {},
        progress: null,
        cancelRequested: false,
        createdAt: expect.any(Date),
        startedAt: null,
        finishedAt: null,
      });
    }
  });

  test('gives ids that are UUIDv7 and rise strictly', async () => {
    const queue = await idleQueue();
    const calls = Array.from({ length: 1000 }, () => queue.for(Letters).nothing());
    const ids = (await Promise.all(calls)).map((handle) => handle.id);
    expect(ids[0]).toMatch(UUID_V7);
    expect(ids).toEqual([...new Set(ids)].sort());
  });

  test('knows nothing of handlers of other processes but their name', async () => {
    const queue = await idleQueue();
    const { id } = await queue.enqueue('elsewhere');
    const expected = { name: 'elsewhere', args: [], queue: 'default', priority: 0 };
    expect(await queue.getTask(id)).toMatchObject(expected);
  });

  test('keeps what the arguments were at the call', async () => {
    const queue = await idleQueue();
    const letter = { to: 'Ann' };
    const enqueued = queue.enqueue('send', [letter]);
    letter.to = 'Bob';
    expect((await queue.getTask((await enqueued).id))?.args).toEqual([{ to: 'Ann' }]);
  });

  test('takes options', async () => {
    const queue = await idleQueue();
    const eta = new Date(Date.now() + 60_000);
    const options: EnqueueOptions = {
      eta,
      queue: 'express',
      priority: -32768,
      attempts: 9,
      backoff: { type: 'exponential', base: '2s', jitter: 'none' },
      timeout: '1m',
      id: 'letter-1',
      meta: { tenant: 'a', __proto__: 'b' as never },
    };
    const { id } = await queue.for(Letters, options).send('Ann');
    expect(id).toBe('letter-1');
    const task = await queue.getTask(id);
    const { queue: lane, priority, maxAttempts, meta } = task!;
    expect({ lane, priority, maxAttempts, meta, eta: task!.eta }).toEqual({
      lane: 'express',
      priority: -32768,
      maxAttempts: 9,
      meta: { tenant: 'a' },
      eta,
    });
    const stored = await queue.backend.getTask(id);
    expect(stored?.timeout).toBe(60_000);
    expect(JSON.parse(stored!.backoff!)).toEqual({
      type: 'exponential',
      base: 2000,
      factor: 2,
      max: 3_600_000,
      jitter: 'none',
    });
  });

  test.each([
    [1500, 1500],
    ['0', undefined],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    ['7 d', 604_800_000],
  ] as const)('a delay of %j is %j ms', async (delay, expected) => {
    const queue = await idleQueue();
    const before = Date.now();
    const enqueued = queue.enqueue('later', [], { delay: delay as never });
    if (expected === undefined) return expect(enqueued).rejects.toThrow(ValidationError);
    const { eta, createdAt } = (await queue.getTask((await enqueued).id))!;
    expect(eta.getTime() - createdAt.getTime()).toBe(expected);
    expect(createdAt.getTime()).toBeGreaterThanOrEqual(before);
  });

  test('an id of your own makes a repeated enqueue one task', async () => {
    const queue = await idleQueue();
    const send = (to: string) => queue.for(Letters, { id: 'welcome:ann' }).send(to);
    const handles = await Promise.all([send('Ann'), send('Ann')]);
    expect(handles.map((handle) => handle.id)).toEqual(['welcome:ann', 'welcome:ann']);
    await expect(send('Bob')).rejects.toMatchObject({ name: 'ValidationError', option: 'id' });
    expect((await queue.counts()).queued).toBe(1);
    expect((await queue.getTask('welcome:ann'))?.args).toEqual(['Ann']);
  });

  const strange = Object.create(null) as never;
  const noClass = (() => 1) as unknown as typeof Letters;
  const meta = (value: unknown) => ({ meta: value }) as EnqueueOptions;

  test.each<[what: string, option: string, remedy: string, call: (queue: TaskQueue) => unknown]>([
    ['no name', 'name', '1 to 200', (queue) => queue.enqueue('')],
    ['a long name', 'name', '1 to 200', (queue) => queue.enqueue('x'.repeat(201))],
    ['a name with NUL', 'name', 'without control characters', (queue) => queue.enqueue('a\0b')],
    ['a name of two lines', 'name', `is 'a\\u000ab'. Give`, (queue) => queue.enqueue('a\nb')],
    ['half a character', 'name', 'without control', (queue) => queue.enqueue('a\ud800')],
    ['a number as name', 'name', 'Give a task name or a class', (q) => q.enqueue(5 as never)],
    ['an object as name', 'name', 'Give a task name or a class', (q) => q.enqueue(strange)],
    ['no class', 'method', 'is not a handler', (q) => q.enqueue(noClass, 'send', ['a'])],
    ['no handler', 'method', 'Mark the method with @Task()', (q) => q.for(Letters).notATask()],
    ['no method', 'method', 'is not a handler', (q) => q.enqueue(Letters, 'x' as 'send', ['a'])],
    [
      'odd method',
      'method',
      'is not a handler',
      (q) => q.enqueue(Letters, strange as 'send', ['a']),
    ],
    [
      'inherited',
      'method',
      'is not a handler',
      (q) => q.enqueue(Letters, 'toString' as 'send', ['a']),
    ],
    ['text as arguments', 'args', 'must be an array', (q) => q.enqueue('x', 'abc' as never)],
    ['null as arguments', 'args', 'must be an array', (q) => q.enqueue('x', null as never)],
    ...(
      [
        ['null', null, 'enqueue of x', 'Give an object'],
        ['an unknown option', { dely: 5 }, 'dely', 'Known are: eta, delay, queue, priority'],
        ['an invalid date', { eta: new Date(NaN) }, 'eta', 'a valid Date'],
        ['a date as text', { eta: '2030-01-01' }, 'eta', 'a valid Date'],
        ['eta and delay', { eta: new Date(), delay: 5 }, 'delay', 'Give one of them'],
        ['a negative delay', { delay: -1 }, 'delay', 'milliseconds from 0'],
        ['an odd delay', { delay: strange }, 'delay', 'milliseconds from 0'],
        ['an empty queue', { queue: '' }, 'queue', 'a string of 1 to 200 characters'],
        ['a priority', { priority: -32769 }, 'priority', 'from -32768 to 32767'],
        ['a fraction', { priority: 0.5 }, 'priority', 'a whole number'],
        ['no attempts', { attempts: 0 }, 'attempts', 'from 1 to 1000'],
        ['a backoff', { backoff: () => 5 }, 'backoff', `'fixed', 'exponential', a duration`],
        ['no timeout', { timeout: 0 }, 'timeout', 'milliseconds from 1'],
        ['an id with NUL', { id: 'a\0b' }, 'id', 'without control characters'],
        ['a lone surrogate', { id: '\ud800' }, 'id', 'without control characters'],
        ['a long id', { id: 'x'.repeat(201) }, 'id', 'a string of 1 to 200 characters'],
        ['numbers in meta', meta({ a: 1 }), 'meta', 'an object of at most 32 strings'],
        ['a list as meta', meta(['a']), 'meta', 'an object of at most 32 strings'],
        ['a Map as meta', meta(new Map([['a', 'b']])), 'meta', 'an object of at most 32 strings'],
        ['a Date as meta', meta(new Date()), 'meta', 'an object of at most 32 strings'],
        ['a long meta', meta({ a: 'x'.repeat(1001) }), 'meta', 'at most 1000 characters'],
        [
          'much meta',
          meta(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, '']))),
          'meta',
          'at most 32',
        ],
      ] as [string, EnqueueOptions, string, string][]
    ).map(
      ([what, options, option, remedy]): [
        string,
        string,
        string,
        (queue: TaskQueue) => unknown,
      ] => [what, option, remedy, (queue) => queue.enqueue('x', [], options)],
    ),
  ])('refuses %s', async (_, option, remedy, call) => {
    const queue = await idleQueue();
    const refusal = await Promise.resolve(call(queue)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ValidationError);
    expect(refusal).toMatchObject({ code: 'SITQ_VALIDATION', option });
    expect((refusal as Error).message).toContain(remedy);
    expect((await queue.counts()).queued).toBe(0);
  });

  test('refuses arguments that cannot be kept, with their path', async () => {
    const queue = await idleQueue();
    const user = { name: 'Ann', socket: () => 1 };
    const enqueued = queue.enqueue('x', [{ users: [user] }]);
    await expect(enqueued).rejects.toMatchObject({
      name: 'SerializationError',
      code: 'SITQ_SERIALIZATION',
      path: 'args[0].users[0].socket',
      message: expect.stringMatching(
        /^args\[0\]\.users\[0\]\.socket cannot be kept: .*Pass plain data, or an id/,
      ),
    });
    expect((await queue.counts()).queued).toBe(0);
  });

  test('refuses more than 1 MiB', async () => {
    const queue = await idleQueue();
    const limit = 1024 * 1024;
    const { id } = await queue.enqueue('x', ['x'.repeat(limit - 4)]);
    expect((await queue.getTask(id))?.args).toEqual(['x'.repeat(limit - 4)]);
    const keys = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [i, 0]));
    for (const value of ['x'.repeat(limit - 3), '数'.repeat(limit / 3), keys]) {
      await expect(queue.enqueue('x', [value])).rejects.toMatchObject({
        name: 'SerializationError',
        path: 'args',
        message: expect.stringContaining('the limit is 1048576'),
      });
    }
  });
});

describe('the typed form', () => {
  test('enqueues only when a method of the class is called', async () => {
    const queue = await idleQueue();
    const letters = queue.for(Letters);
    expect(await letters).toBe(letters);
    expect(inspect(letters)).toBeDefined();
    expect(`${Object.keys(letters)}`).toBe('');
    expect((letters as { toString?: unknown }).toString).toBeUndefined();
    expect((letters as { unknown?: unknown }).unknown).toBeUndefined();
    expect((await queue.counts()).queued).toBe(0);
  });

  test('says when it is given no class, as by a circular import', async () => {
    const queue = await idleQueue();
    expect(() => queue.for(undefined as never)).toThrow(
      'Give a class with @Task() methods, not undefined.',
    );
    expect(() => queue.for((() => 1) as never)).toThrow(ValidationError);
  });

  test('gives its options to every task', async () => {
    const queue = await idleQueue();
    const letters = queue.for(Letters, { queue: 'express', meta: { by: 'night' } });
    for (const handle of [await letters.send('Ann'), await letters.nothing()]) {
      const expected = { queue: 'express', meta: { by: 'night' } };
      expect(await queue.getTask(handle.id)).toMatchObject(expected);
    }
  });
});

describe('enqueueMany', () => {
  test('stores an array in chunks and tells the ids of each', async () => {
    const queue = await idleQueue();
    const all: [string][] = Array.from({ length: 2500 }, (_, i) => [`house ${i}`]);
    const chunks: string[][] = [];
    const onChunk = (ids: string[]) => void chunks.push(ids);
    expect(await queue.enqueueMany(Letters, 'send', all, { onChunk })).toBe(2500);
    expect(chunks.map((ids) => ids.length)).toEqual([1000, 1000, 500]);
    const ids = chunks.flat();
    expect(new Set(ids).size).toBe(2500);
    for (const i of [0, 999, 1000, 2499]) {
      expect(await queue.getTask(ids[i]!)).toMatchObject({
        name: 'Letters.send',
        queue: 'post',
        args: [`house ${i}`],
      });
    }
  });

  test.each(['plainly', 'asynchronously'])(
    'cuts a chunk of large arguments sooner, %s',
    async (how) => {
      let drawn = 0;
      const ahead: number[] = [];
      const sizes: number[] = [];
      const large = 'x'.repeat(1_000_000);
      function* letters(): Iterable<[string]> {
        for (drawn = 1; drawn <= 12; drawn += 1) yield [large];
      }
      async function* slowly(): AsyncIterable<[string]> {
        yield* letters();
      }
      const queue = await idleQueue();
      const onChunk = (ids: string[]) => {
        sizes.push(ids.length);
        ahead.push(drawn);
      };
      const items = how === 'plainly' ? letters() : slowly();
      expect(await queue.enqueueMany('send', items, { onChunk })).toBe(12);
      expect(sizes).toEqual([5, 5, 2]);
      expect(ahead[0]).toBeLessThan(12);
    },
  );

  test('draws from a generator only one chunk ahead of the one at hand', async () => {
    const queue = await idleQueue();
    let drawn = 0;
    let stored = 0;
    function* houses(): Generator<[number]> {
      for (; drawn < 95; drawn += 1) {
        expect(drawn - stored).toBeLessThan(20);
        yield [drawn];
      }
    }
    const onChunk = (ids: string[]) => void (stored += ids.length);
    expect(await queue.enqueueMany('send', houses(), { chunkSize: 10, onChunk })).toBe(95);
    expect([drawn, stored]).toEqual([95, 95]);
  });

  test('sends a chunk before it draws the next one', async () => {
    const queue = await idleQueue(); // on SQLite what is sent is stored in the same turn
    let stored = 0;
    const storedAtFirst: number[] = [];
    function* houses(): Generator<[number]> {
      for (let i = 0; i < 30; i += 1) {
        if (i % 10 === 0) storedAtFirst.push(stored);
        yield [i];
      }
    }
    const onChunk = (ids: string[]) => void (stored += ids.length);
    await queue.enqueueMany('send', houses(), { chunkSize: 10, onChunk });
    expect(storedAtFirst).toEqual([0, 10, 20]);
  });

  test('takes an async generator', async () => {
    const queue = await idleQueue();
    async function* houses(): AsyncGenerator<[string]> {
      for (let i = 0; i < 25; i += 1) {
        await Promise.resolve();
        yield [`house ${i}`];
      }
    }
    expect(await queue.enqueueMany(Letters, 'send', houses(), { chunkSize: 10 })).toBe(25);
    expect((await queue.counts()).queued).toBe(25);
  });

  test('stores a chunk whenever the next one comes', async () => {
    const queue = await idleQueue();
    const stored = new Gate();
    async function* houses(): AsyncGenerator<[number]> {
      yield [1];
      await stored.opened;
      yield [2];
    }
    const onChunk = () => stored.open();
    expect(await queue.enqueueMany('send', houses(), { chunkSize: 1, onChunk })).toBe(2);
  });

  test('tells at once that a chunk was refused, whatever comes next', async () => {
    const queue = await idleQueue();
    await queue.enqueue('send', ['taken'], { id: '0' });
    const nothing = new Gate();
    async function* silent(): AsyncGenerator<[number]> {
      yield [0];
      await nothing.opened;
    }
    function* broken(): Generator<[number]> {
      yield [0];
      throw new Error('no more houses');
    }
    const options = { chunkSize: 1, id: (_: unknown, i: number) => String(i) };
    for (const houses of [silent(), broken()]) {
      const enqueued = queue.enqueueMany('send', houses, options);
      await expect(enqueued).rejects.toMatchObject({ name: 'ValidationError', option: 'id' });
    }
    nothing.open();
  });

  test('takes nothing at all', async () => {
    const queue = await idleQueue();
    const onChunk = () => expect(true).toBe(false);
    expect(await queue.enqueueMany('send', [], { onChunk })).toBe(0);
  });

  test('gives the options to every task', async () => {
    const queue = await idleQueue();
    const ids: string[] = [];
    await queue.enqueueMany('send', [[1], [2]], {
      priority: 3,
      delay: '1h',
      queue: 'night',
      attempts: 2,
      meta: { batch: '7' },
      onChunk: (chunk) => void ids.push(...chunk),
    });
    for (const id of ids) {
      const { priority, queue: lane, maxAttempts, meta, eta } = (await queue.getTask(id))!;
      expect([priority, lane, maxAttempts, meta]).toEqual([3, 'night', 2, { batch: '7' }]);
      expect(eta.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    }
    expect(ids).toHaveLength(2);
  });

  test('takes an id for each task, so that all of it can be repeated', async () => {
    const queue = await idleQueue();
    const id = ([to]: [string, number?], index: number) => `${index}:${to}`;
    const ids: string[] = [];
    const options = { id, chunkSize: 2, onChunk: (chunk: string[]) => void ids.push(...chunk) };
    const people: [string][] = [['Ann'], ['Bob'], ['Eve']];
    expect(await queue.enqueueMany(Letters, 'send', people, options)).toBe(3);
    expect(ids).toEqual(['0:Ann', '1:Bob', '2:Eve']);
    expect(await queue.enqueueMany(Letters, 'send', people, options)).toBe(3);
    expect((await queue.counts()).queued).toBe(3);

    const taken = queue.enqueueMany(Letters, 'send', [['Zoe']], { id: () => '0:Ann' });
    await expect(taken).rejects.toMatchObject({ name: 'ValidationError', option: 'id' });
    for (const bad of ['', 5, null, 'a\0b']) {
      const enqueued = queue.enqueueMany(Letters, 'send', people, { id: () => bad as string });
      await expect(enqueued).rejects.toThrow('id must return a string of 1 to 200 characters');
    }
    expect((await queue.counts()).queued).toBe(3);
  });

  test.each<[what: string, bad: unknown, error: string]>([
    ['cannot be kept', [() => 1], 'args[0] cannot be kept'],
    ['are no array', 'house', 'must be an array'],
  ])('keeps the chunks before arguments that %s, and none of their own', async (_, bad, error) => {
    const queue = await idleQueue();
    let closed = false;
    function* houses(): Generator<[unknown]> {
      try {
        for (let i = 0; i < 100; i += 1) yield (i === 25 ? bad : [i]) as [unknown];
      } finally {
        closed = true;
      }
    }
    const enqueued = queue.enqueueMany('send', houses(), { chunkSize: 10 });
    await expect(enqueued).rejects.toThrow(error);
    expect((await queue.counts()).queued).toBe(20);
    expect(closed).toBe(true);
  });

  test('passes on what the iterable or onChunk throws', async () => {
    const queue = await idleQueue();
    async function* houses(): AsyncGenerator<[number]> {
      yield [1];
      throw new Error('no more houses');
    }
    const halting: EnqueueManyOptions = {
      chunkSize: 1,
      onChunk: () => {
        throw new Error('halt');
      },
    };
    await expect(queue.enqueueMany('a', houses())).rejects.toThrow('no more houses');
    expect((await queue.counts()).queued).toBe(0);
    await expect(queue.enqueueMany('b', [[1], [2]], halting)).rejects.toThrow('halt');
    expect((await queue.counts()).queued).toBe(1);
  });

  test.each<[option: string, args: unknown, options: unknown]>([
    ['chunkSize', [[1]], { chunkSize: 0 }],
    ['chunkSize', [[1]], { chunkSize: 10_001 }],
    ['onChunk', [[1]], { onChunk: 'log' }],
    ['priority', [[1]], { priority: 'high' }],
    ['id', [[1]], { id: 'mine' }],
    ['args', 'abc', {}],
    ['args', { length: 1 }, {}],
    ['args', undefined, {}],
  ])('refuses a bad %s: %j %j', async (option, args, options) => {
    const queue = await idleQueue();
    const enqueued = queue.enqueueMany('send', args as never, options as never);
    await expect(enqueued).rejects.toMatchObject({ name: 'ValidationError', option });
    expect((await queue.counts()).queued).toBe(0);
  });
});

describe('getTask', () => {
  test('tells how a task went', async () => {
    const { queue } = await startApp([Letters]);
    const handle = await queue.for(Letters).send('Ann');
    await handle.result(patience);
    const task = (await queue.getTask(handle.id))!;
    expect(task).toMatchObject({ status: 'completed', attempt: 1, maxAttempts: 3 });
    expect(task.workerId).toEqual(expect.any(String));
    const times = [task.createdAt, task.startedAt!, task.finishedAt!].map(Number);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('answers null when there is no such task', async () => {
    const queue = await idleQueue();
    expect(await queue.getTask('nobody')).toBeNull();
    await expect(queue.handle('nobody').status()).rejects.toThrow(TaskNotFoundError);
  });
});

describe('getResult', () => {
  test('waits for the end, whichever it is', async () => {
    const { queue } = await startApp([Letters]);
    const sent = await queue.for(Letters).send('Ann');
    const lost = await queue.for(Letters).lose();
    const never = await queue.for(Letters, { delay: '1h' }).send('Bob');
    const waiting = queue.getResult(never.id, patience);
    await never.cancel();
    const success = (await queue.getResult(sent.id))!;
    expect(success).toEqual({
      taskId: sent.id,
      status: 'success',
      value: '"1 to Ann"',
      error: null,
      errorName: null,
      errorCode: null,
      stack: null,
      createdAt: expect.any(Date),
      completedAt: expect.any(Date),
    });
    expect(queue.deserializeResult(success)).toBe('1 to Ann');
    expect(await queue.getResult(lost.id)).toMatchObject({
      status: 'failed',
      value: null,
      error: 'lost',
      errorName: 'RangeError',
      errorCode: null,
      stack: expect.stringContaining('RangeError: lost'),
    });
    expect(await waiting).toMatchObject({ status: 'cancelled', value: null, error: null });
  });

  test('answers null when the time is up', async () => {
    const queue = await idleQueue();
    const { id } = await queue.for(Letters).nothing();
    expect(await queue.getResult(id, { timeout: 0 })).toBeNull();
    expect(await queue.getResult(id, { timeout: 20 })).toBeNull();
    expect(await queue.getResult(id, { timeout: '20ms' })).toBeNull();
  });

  test('hears of an end at once, not at the next poll', async () => {
    const { queue } = await startApp([Letters]);
    const began = performance.now();
    for (let i = 0; i < 10; i += 1) await (await queue.for(Letters).nothing()).result(patience);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test('hears of an end in another process', async () => {
    const database = tempFile();
    const { queue } = await startApp([Letters], { database, worker: false });
    const handle = await queue.for(Letters).send('Ann');
    const waiting = handle.result(patience);
    await startApp([Letters], { database });
    expect(await waiting).toBe('1 to Ann');
  });

  test('says when there is no such task', async () => {
    const queue = await idleQueue();
    await expect(queue.getResult('nobody')).rejects.toMatchObject({
      name: 'TaskNotFoundError',
      code: 'SITQ_TASK_NOT_FOUND',
      taskId: 'nobody',
    });
  });

  test.each<[string, unknown]>([
    ['text', 'soon'],
    ['negative', -1],
    ['no number', NaN],
    ['an odd object', Object.create(null)],
    ['more than a timer can hold', '60d'],
  ])('refuses a timeout that is %s', async (_, timeout) => {
    const queue = await idleQueue();
    const { id } = await queue.for(Letters).nothing();
    const waiting = queue.getResult(id, { timeout: timeout as Duration });
    await expect(waiting).rejects.toMatchObject({ name: 'ValidationError', option: 'timeout' });
  });

  test.each(['before', 'at once', 'later'])('ends when its signal aborts: %s', async (when) => {
    const queue = await idleQueue();
    const handle = await queue.for(Letters).nothing();
    const controller = new AbortController();
    const leave = () => controller.abort(new Error('the visitor left'));
    if (when === 'before') leave();
    const waiting = handle.result({ signal: controller.signal, ...patience });
    if (when === 'at once') leave();
    if (when === 'later') void queue.getResult(handle.id, { timeout: 20 }).then(leave);
    await expect(waiting).rejects.toThrow('the visitor left');
  });
});

describe('deserializeResult', () => {
  test.each([
    [null, undefined],
    ['null', null],
    ['"text"', 'text'],
    ['[1,{"a":true}]', [1, { a: true }]],
  ])('reads %j', async (value, expected) => {
    const queue = new TaskQueue({ backend: new EightMethodsBackend() });
    expect(queue.deserializeResult({ value })).toEqual(expected);
  });

  test.each(['{', '~1{', '~9[]', ''])('says when %j cannot be read', async (value) => {
    const queue = new TaskQueue({ backend: new EightMethodsBackend() });
    expect(() => queue.deserializeResult({ value })).toThrow(SerializationError);
  });
});

describe('a handle', () => {
  test('resolves to what the handler returned', async () => {
    const { queue } = await startApp([Letters]);
    const sent = await queue.for(Letters).send('Ann', 3);
    const nothing = await queue.for(Letters).nothing();
    expect(await sent.result(patience)).toBe('3 to Ann');
    expect(await nothing.result(patience)).toBeUndefined();
    expect(await queue.handle(sent.id).result(patience)).toBe('3 to Ann');
    expect(await sent.status()).toBe('completed');
  });

  test('rejects with what the handler threw', async () => {
    const { queue } = await startApp([Letters]);
    const handle = await queue.for(Letters).lose();
    const error = await handle.result(patience).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toBeInstanceOf(SitqError);
    expect(error).toMatchObject({
      code: 'SITQ_TASK_FAILED',
      taskId: handle.id,
      errorName: 'RangeError',
      errorMessage: 'lost',
      errorStack: expect.stringContaining('queue.spec'),
      message: `Task ${handle.id} failed with RangeError: lost`,
    });
    expect(await handle.status()).toBe('failed');
  });

  test('rejects when the last attempt timed out', async () => {
    const { queue } = await startApp([Letters], { worker: { timeoutGrace: 5 } });
    const handle = await queue.for(Letters).wander();
    await expect(handle.result(patience)).rejects.toThrow(TaskTimeoutError);
    Letters.gate.open();
  });

  test('rejects when the task was cancelled', async () => {
    const queue = await idleQueue();
    const handle = await queue.for(Letters).nothing();
    expect(await handle.status()).toBe('queued');
    expect(await handle.cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toThrow(TaskCancelledError);
    expect(await handle.status()).toBe('cancelled');
  });

  test('rejects when the time is up, and the task goes on', async () => {
    const queue = await idleQueue();
    const handle = await queue.for(Letters).nothing();
    const error = await handle.result({ timeout: '20ms' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ResultTimeoutError);
    expect(error).toMatchObject({ taskId: handle.id, timeout: 20, code: 'SITQ_RESULT_TIMEOUT' });
    expect(await handle.status()).toBe('queued');
  });
});

describe('cancel', () => {
  test('answers with the state right after', async () => {
    const { queue } = await startApp([Letters]);
    const waiting = await queue.for(Letters, { delay: '1h' }).send('Ann');
    const done = await queue.for(Letters).send('Ann');
    await done.result(patience);
    expect(await queue.cancel(waiting.id)).toBe('cancelled');
    expect(await queue.cancel(waiting.id)).toBe('cancelled');
    expect(await queue.cancel(done.id)).toBe('completed');
    await expect(queue.cancel('nobody')).rejects.toThrow(TaskNotFoundError);
  });
});

describe('counts', () => {
  test('tells how many tasks are in each state', async () => {
    const { queue } = await startApp([Letters]);
    const scheduled = await queue.for(Letters, { delay: '1h' }).send('Ann');
    await queue.for(Letters, { delay: '1h' }).send('Ann');
    const ended = [await queue.for(Letters).send('Ann'), await queue.for(Letters).lose()];
    await queue.enqueue('nobody handles this');
    for (const { id } of ended) await queue.getResult(id, patience);
    await scheduled.cancel();
    expect(await queue.counts()).toEqual({
      queued: 2,
      scheduled: 1,
      running: 0,
      stuck: 0,
      blocked: 0,
      completed: 1,
      failed: 1,
      cancelled: 1,
    });
  });
});

describe('a closed queue', () => {
  test('refuses every call and ends every wait', async () => {
    const app = await startApp([Letters], { worker: false });
    const { queue } = app;
    const handle = await queue.for(Letters).nothing();
    let ended: unknown;
    void handle.result(patience).catch((error: unknown) => (ended = error));
    await queue.getResult(handle.id, { timeout: 1 }); // by now the other one waits, too
    await app.close();
    expect(ended).toBeInstanceOf(QueueClosedError);
    const calls = [
      queue.for(Letters).send('Ann'),
      queue.enqueueMany('send', [[1]]),
      queue.getTask(handle.id),
      queue.getResult(handle.id),
      queue.getLog(handle.id),
      queue.counts(),
      handle.cancel(),
      handle.result(),
    ];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        name: 'QueueClosedError',
        code: 'SITQ_QUEUE_CLOSED',
        message: expect.stringContaining('opens while the application initialises'),
      });
    }
  });

  test('is closed before it is opened, too', async () => {
    const queue = new TaskQueue({ backend: new TypeOrmBackend({ database: ':memory:' }) });
    await expect(queue.enqueue('x')).rejects.toThrow(QueueClosedError);
    await expect(queue.getTask('x')).rejects.toThrow(QueueClosedError);
  });
});

describe('on a backend of eight methods', () => {
  test('enqueues one and many', async () => {
    const queue = new TaskQueue({ backend: new EightMethodsBackend() });
    const { id } = await queue.enqueue('x', [1]);
    expect((await queue.getTask(id))?.args).toEqual([1]);
    expect(await queue.enqueueMany('x', [[1], [2], [3]], { chunkSize: 2 })).toBe(3);
    expect(await queue.getResult(id, { timeout: 0 })).toBeNull();
  });

  test.each<[capability: string, call: (queue: TaskQueue) => Promise<unknown>]>([
    ['CancellingBackend', (queue) => queue.cancel('x')],
    ['CountingBackend', (queue) => queue.counts()],
    ['JournalingBackend', (queue) => queue.getLog('x')],
  ])('says that it is no %s', async (capability, call) => {
    const queue = new TaskQueue({ backend: new EightMethodsBackend() });
    const refusal: unknown = await call(queue).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BackendError);
    expect((refusal as Error).message).toMatch(
      new RegExp(`^EightMethodsBackend cannot .*does not implement ${capability}`),
    );
  });
});

describe('with a serializer that never writes the same text twice', () => {
  let texts = 0;
  const serializer: Serializer = {
    serialize: (value) => `${(texts += 1)}|${JSON.stringify(value)}`,
    deserialize: (text) => JSON.parse(text.slice(text.indexOf('|') + 1)),
  };

  test.each<[on: string, backend: () => Backend]>([
    ['TypeOrmBackend', () => new TypeOrmBackend({ database: ':memory:' })],
    ['eight methods', () => new EightMethodsBackend()],
  ])('the same id twice is one task or a refusal (%s)', async (_, newBackend) => {
    const options = { backend: newBackend(), serializer, worker: false } as const;
    const { queue } = await startApp([Letters], options);
    const send = (to: string) => queue.for(Letters, { id: 'letter-1' }).send(to);
    expect((await send('Ann')).id).toBe('letter-1');
    const payload = (await queue.backend.getTask('letter-1'))?.payload;
    expect((await send('Ann')).id).toBe('letter-1');
    await expect(send('Bob')).rejects.toMatchObject({ name: 'ValidationError', option: 'id' });
    const other = queue.enqueue('Letters.lose', ['Ann'], { id: 'letter-1' });
    await expect(other).rejects.toThrow(ValidationError);
    expect((await queue.backend.getTask('letter-1'))?.payload).toBe(payload);

    const sendAll = (...all: string[]) =>
      queue.enqueueMany(
        Letters,
        'send',
        all.map((to): [string] => [to]),
        {
          id: ([to]) => `letter to ${to}`,
        },
      );
    expect(await sendAll('Ann', 'Bob')).toBe(2);
    expect(await sendAll('Ann', 'Bob')).toBe(2);
    expect(await sendAll('Ann', 'Eve', 'Bob')).toBe(3);
    const clash = queue.enqueueMany(Letters, 'send', [['Zoe'], ['Ann']], {
      id: ([to]) => (to === 'Zoe' ? 'letter to Ann' : 'letter to Zoe'),
    });
    await expect(clash).rejects.toMatchObject({ name: 'ValidationError', option: 'id' });
    for (const to of ['Ann', 'Bob', 'Eve']) {
      expect((await queue.getTask(`letter to ${to}`))?.args).toEqual([to]);
    }
  });
});
