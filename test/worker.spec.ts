import { Injectable } from '@nestjs/common';
import {
  DoNotRetryError,
  HandlerRegistry,
  BackendError,
  LeaseLostError,
  RetryAfterError,
  SerializationError,
  Snooze,
  Task,
  TaskCancelledError,
  TaskContext,
  TaskFailedError,
  TaskTimeoutError,
  TypeOrmBackend,
  ValidationError,
  Worker,
  type Backoff,
  type BackoffFunction,
  type Outcome,
  type Plugin,
  type Serializer,
  type SitqOptions,
  type TaskOptions,
} from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { from, NEVER, Observable, of, throwError } from 'rxjs';
import { openSqlite } from './app/databases/sql.js';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { eventually } from './app/eventually.js';
import { FailingBackend } from './app/failing.backend.js';
import { Gate } from './app/gate.js';
import { Recorder } from './app/recorder.plugin.js';
import { Lines, startApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

const patience = { timeout: '50s' } as const;

/** A class with one handler that runs what a test gives it. */
function handlerOf(work: (run: TaskContext, ...args: never[]) => unknown, options?: TaskOptions) {
  @Injectable()
  class Work {
    constructor(readonly run: TaskContext) {}
    @Task(options)
    do(...args: unknown[]): unknown {
      return work(this.run, ...(args as never[]));
    }
  }
  return Work;
}

/** An application with that one handler, and what became of its runs. */
async function appWith(
  work: (run: TaskContext, ...args: never[]) => unknown,
  options: TaskOptions = {},
  more: Parameters<typeof startApp>[1] = {},
) {
  const Work = handlerOf(work, options);
  const recorder = new Recorder();
  const plugins = [recorder, ...(more.plugins ?? [])];
  const app = await startApp([Work], { ...more, plugins });
  return { ...app, app, queue: app.queue, worker: app.worker, work: app.queue.for(Work), recorder };
}

/** How a run ended that has to be tried again. */
function retryOf(outcome: Outcome): Extract<Outcome, { kind: 'retry' }> {
  if (outcome.kind !== 'retry') throw new Error(`The outcome is ${outcome.kind}`);
  return outcome;
}

/** So many lists in each other. */
function nested(depth: number): unknown {
  let value: unknown = [];
  for (let i = 1; i < depth; i += 1) value = [value];
  return value;
}

/** Resolves when the signal aborts, to the reason. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

describe('an attempt that fails', () => {
  test('is followed by the next one', async () => {
    const seen: [attempt: number, last: boolean][] = [];
    const { work, queue } = await appWith(
      ({ attempt, lastAttempt }) => {
        seen.push([attempt, lastAttempt]);
        if (attempt < 3) throw new Error(`no luck in ${attempt}`);
        return 'luck';
      },
      { attempts: 3, backoff: 0 },
    );
    const handle = await work.do();
    expect(await handle.result(patience)).toBe('luck');
    expect(seen).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    expect(await queue.getResult(handle.id)).toMatchObject({ status: 'success', error: null });
  });

  test('is the end when it was the last', async () => {
    const { work, queue, recorder } = await appWith(
      ({ attempt }) => {
        throw new TypeError(`no luck in ${attempt}`);
      },
      { attempts: 2, backoff: 0 },
    );
    const handle = await work.do();
    await expect(handle.result(patience)).rejects.toMatchObject({
      errorName: 'TypeError',
      errorMessage: 'no luck in 2',
    });
    expect(await queue.getTask(handle.id)).toMatchObject({ status: 'failed', attempt: 2 });
    const kinds = (await recorder.outcomes(handle, 2)).map((outcome) => outcome.kind);
    expect(kinds).toEqual(['retry', 'failed']);
  });

  test('shows its error while the task waits', async () => {
    const { work, queue, recorder } = await appWith(
      () => {
        throw new Error('no luck');
      },
      { backoff: '1h' },
    );
    const handle = await work.do();
    await recorder.outcome(handle);
    expect(await queue.getResult(handle.id, { timeout: 0 })).toBeNull();
    expect(await queue.backend.getResult(handle.id)).toMatchObject({
      status: 'pending',
      error: { name: 'Error', message: 'no luck' },
    });
    expect(await queue.getTask(handle.id)).toMatchObject({ status: 'queued', workerId: null });
  });

  test('obeys the enqueue rather than the handler', async () => {
    const fail = () => {
      throw new Error('no luck');
    };
    const Work = handlerOf(fail, { attempts: 9, backoff: '1h' });
    const recorder = new Recorder();
    const { queue } = await startApp([Work], { plugins: [recorder] });
    const handle = await queue.for(Work, { attempts: 2, backoff: 0 }).do();
    await expect(handle.result(patience)).rejects.toThrow('no luck');
    expect(await queue.getTask(handle.id)).toMatchObject({ attempt: 2, maxAttempts: 2 });
  });

  const hour = 3_600_000;
  const exponential = { type: 'exponential', jitter: 'none' } as const;

  test.each<[what: string, backoff: Backoff | BackoffFunction, delay: number]>([
    ['a duration', '1h', hour],
    ['fixed', { type: 'fixed', delay: '2h' }, 2 * hour],
    ['exponential, first', { ...exponential, base: '1h' }, hour],
    ['a ceiling', { ...exponential, base: '5h', max: '3h' }, 3 * hour],
    ['a function', (attempt) => attempt * hour, hour],
    ['a function with text', () => '4h', 4 * hour],
  ])('waits as its backoff says: %s', async (_, backoff, delay) => {
    const fail = () => {
      throw new Error('no luck');
    };
    const { work, recorder, queue } = await appWith(fail, { backoff });
    const began = Date.now();
    const handle = await work.do();
    const { eta } = retryOf(await recorder.outcome(handle));
    expect(eta).toBeGreaterThanOrEqual(began + delay);
    expect(eta).toBeLessThanOrEqual(Date.now() + delay);
    expect((await queue.getTask(handle.id))?.eta).toEqual(new Date(eta));
  });

  test('waits longer each time when exponential', async () => {
    const etas: number[] = [];
    const fail = () => {
      etas.push(Date.now());
      throw new Error('no luck');
    };
    const backoff = { ...exponential, base: 20, factor: 3 };
    const { work } = await appWith(fail, { attempts: 3, backoff });
    await expect((await work.do()).result(patience)).rejects.toThrow('no luck');
    const [first, second, third] = etas as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(19);
    expect(third - second).toBeGreaterThanOrEqual(59);
  });

  test('is judged by a backoff function, which sees attempt, error and task', async () => {
    const seen: unknown[] = [];
    const backoff: BackoffFunction = (attempt, error, { id, args }) => {
      seen.push([attempt, error.message, id, args]);
      return attempt < 2 ? 0 : false;
    };
    const fail = () => {
      throw new Error('no luck');
    };
    const { work, recorder } = await appWith(fail, { attempts: 9, backoff });
    const handle = await work.do('a', 1);
    const outcomes = await recorder.outcomes(handle, 2);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['retry', 'failed']);
    expect(seen).toEqual([
      [1, 'no luck', handle.id, ['a', 1]],
      [2, 'no luck', handle.id, ['a', 1]],
    ]);
  });

  test('falls back to the default when a backoff function answers nonsense', async () => {
    const fail = () => {
      throw new Error('no luck');
    };
    const { work, recorder } = await appWith(fail, { backoff: () => 'soon' as never });
    const { eta } = retryOf(await recorder.outcome(await work.do()));
    expect(eta).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test.each(['backoff', 'retryIf'] as const)('fails when %s itself throws', async (option) => {
    const broken = () => {
      throw new Error('mistake');
    };
    const { work } = await appWith(
      () => {
        throw new Error('no luck');
      },
      { [option]: broken },
    );
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorMessage: 'retryIf or backoff threw: Error: mistake',
      errorStack: expect.stringContaining('Caused by: Error: no luck'),
    });
  });

  test('is the end when retryIf says so', async () => {
    const seen: unknown[] = [];
    const { work, queue } = await appWith(
      ({ attempt }) => {
        throw attempt === 1 ? new RangeError('again') : 'no error object';
      },
      {
        attempts: 9,
        backoff: 0,
        retryIf: (error, task) => {
          seen.push([error.name, error.message, task.args]);
          return error instanceof RangeError;
        },
      },
    );
    const handle = await work.do('x');
    await expect(handle.result(patience)).rejects.toMatchObject({
      errorName: 'Error',
      errorMessage: 'no error object',
    });
    expect(seen).toEqual([
      ['RangeError', 'again', ['x']],
      ['Error', 'no error object', ['x']],
    ]);
    expect((await queue.getTask(handle.id))?.attempt).toBe(2);
  });

  test('is the end with DoNotRetryError', async () => {
    const { work, queue } = await appWith(
      () => {
        throw new DoNotRetryError('the address is wrong', { cause: new Error('550') });
      },
      { attempts: 9, backoff: 0 },
    );
    const handle = await work.do();
    await expect(handle.result(patience)).rejects.toMatchObject({
      errorName: 'DoNotRetryError',
      errorMessage: 'the address is wrong',
      errorStack: expect.stringContaining('Caused by: Error: 550'),
    });
    expect((await queue.getTask(handle.id))?.attempt).toBe(1);
    expect((await queue.getResult(handle.id))?.errorCode).toBe('SITQ_DO_NOT_RETRY');
  });

  test('chooses the next instant with RetryAfterError', async () => {
    const { work, recorder, queue } = await appWith(() => {
      throw new RetryAfterError('2h');
    });
    const began = Date.now();
    const handle = await work.do();
    const { eta } = retryOf(await recorder.outcome(handle));
    expect(eta).toBeGreaterThanOrEqual(began + 2 * hour);
    expect(eta).toBeLessThanOrEqual(Date.now() + 2 * hour);
    expect((await queue.getTask(handle.id))?.attempt).toBe(1);
    expect(() => new RetryAfterError('later' as never)).toThrow(`got 'later' as its delay`);
  });

  const thrower = {
    get message(): string {
      throw new Error('no message');
    },
    toString: () => {
      throw new Error('no text');
    },
  };
  const enormous = Object.assign(new Error('enormous'), {
    stack: 's'.repeat(300_000_000),
    cause: { stack: 'c'.repeat(300_000_000) },
  });
  const circular = new Error('circular');
  circular.cause = circular;
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  test.each<[what: string, thrown: unknown, name: string, message: string]>([
    ['text', 'plain', 'Error', 'plain'],
    ['nothing', undefined, 'Error', 'undefined'],
    ['null', null, 'Error', 'null'],
    ['a number', 42, 'Error', '42'],
    ['an object', { name: 'Odd', message: 'odd' }, 'Odd', 'odd'],
    ['no prototype', Object.create(null), 'Error', 'a value that has no text'],
    ['throwing accessors', thrower, 'Error', 'a value that has no text'],
    ['NUL', new Error('a\0b'), 'Error', 'a\u2400b'],
    ['lone surrogates', new Error('a\ud800b'), 'Error', 'a\ufffdb'],
    ['a long one', new Error('数'.repeat(50_000)), 'Error', '数'.repeat(21_845)],
    ['an enormous one', new Error('x'.repeat(50_000_000)), 'Error', 'x'.repeat(65_536)],
    ['a stack and a cause that are too long together', enormous, 'Error', 'enormous'],
    ['a message that is none', Object.assign(new Error(''), { message: 5 }), 'Error', 'Error: 5'],
    ['a cause that is itself', circular, 'Error', 'circular'],
    ['a proxy that tells nothing', revoked(), 'Error', 'a value that has no text'],
  ])('is kept whatever was thrown: %s', async (_, thrown, name, message) => {
    const { work } = await appWith(
      () => {
        throw thrown;
      },
      { attempts: 1 },
    );
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorName: name,
      errorMessage: message,
    });
  });

  const unprintable: unknown = Object.create(null);
  test.each<[what: string, thrown: unknown, message: string]>([
    ['a cause', new Error('boom', { cause: { stack: unprintable } }), 'boom'],
    ['a cause itself', new Error('boom', { cause: unprintable }), 'boom'],
    ['what was thrown', unprintable, 'a value that has no text'],
    ['what was thrown, nor a class', revoked(), 'a value that has no text'],
  ])('is retried and ends though there is no text of %s', async (_, thrown, message) => {
    const { work, queue, recorder } = await appWith(
      () => {
        throw thrown;
      },
      { attempts: 2, backoff: 0 },
    );
    const handle = await work.do();
    await expect(handle.result(patience)).rejects.toMatchObject({ errorMessage: message });
    expect(await queue.getTask(handle.id)).toMatchObject({ status: 'failed', attempt: 2 });
    const kinds = (await recorder.outcomes(handle, 2)).map((outcome) => outcome.kind);
    expect(kinds).toEqual(['retry', 'failed']);
  });
});

describe('snooze', () => {
  test('gives the attempt back', async () => {
    const attempts: number[] = [];
    const { work, queue, recorder } = await appWith(
      (run) => {
        attempts.push(run.attempt);
        if (attempts.length < 4) run.snooze(0);
        return 'awake';
      },
      { attempts: 1 },
    );
    const handle = await work.do();
    expect(await handle.result(patience)).toBe('awake');
    expect(attempts).toEqual([1, 1, 1, 1]);
    expect(await queue.getTask(handle.id)).toMatchObject({ attempt: 1, maxAttempts: 1 });
    const outcomes = await recorder.outcomes(handle, 4);
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      'snoozed',
      'snoozed',
      'snoozed',
      'completed',
    ]);
  });

  test('waits for its time, even when its error is caught', async () => {
    const { work, queue, recorder } = await appWith((run) => {
      try {
        run.snooze('1h');
      } catch {
        return 'caught';
      }
    });
    const began = Date.now();
    const handle = await work.do();
    expect(await recorder.outcome(handle)).toMatchObject({ kind: 'snoozed' });
    const task = (await queue.getTask(handle.id))!;
    expect(task).toMatchObject({ status: 'queued', attempt: 0 });
    expect(task.eta.getTime()).toBeGreaterThanOrEqual(began + 3_600_000);
  });

  test('refuses what is no duration', async () => {
    const { work } = await appWith((run) => run.snooze('a while' as never), { attempts: 1 });
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorName: 'ValidationError',
      errorMessage: expect.stringContaining(`Snooze got 'a while'`),
    });
  });
});

describe('Snooze', () => {
  test('may be thrown like RetryAfterError, by whatever the handler calls', async () => {
    const attempts: number[] = [];
    const { work, queue, recorder } = await appWith(({ attempt }) => {
      attempts.push(attempt);
      if (attempts.length < 3) throw new Snooze(attempts.length);
      return 'done';
    });
    const handle = await work.do();
    expect(await handle.result(patience)).toBe('done');
    expect(attempts).toEqual([1, 1, 1]);
    const outcomes = await recorder.outcomes(handle, 3);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['snoozed', 'snoozed', 'completed']);
    expect((await queue.getTask(handle.id))?.attempt).toBe(1);
  });

  test('takes a duration and refuses what is none', () => {
    expect(new Snooze('5m').delay).toBe(300_000);
    expect(() => new Snooze('soon' as never)).toThrow(ValidationError);
    expect(() => new RetryAfterError(-1)).toThrow(/RetryAfterError got -1 as its delay/);
  });
});

describe('an instance of a class', () => {
  class Customer {
    readonly name = 'Ann';
  }

  test('as a result fails the task once, names the class, and says that the work is done', async () => {
    let runs = 0;
    const { work, queue } = await appWith(() => ({ paidBy: [((runs += 1), new Customer())] }));
    const result = await queue.getResult((await work.do()).id);
    expect(result).toMatchObject({ status: 'failed', errorCode: 'SITQ_SERIALIZATION' });
    expect(result.error).toMatch(
      /^result\.paidBy\[0\] cannot be kept: it is an instance of Customer,/,
    );
    expect(result.error).toMatch(/toJSON\(\).* id .*done its work, which is not done again\.$/);
    expect(runs).toBe(1);
  });

  test('as an argument is refused, and its class is named', async () => {
    const { work, queue } = await appWith(() => undefined);
    await expect(work.do({ customer: new Customer() })).rejects.toThrow(
      /^args\[0\]\.customer cannot be kept: it is an instance of Customer/,
    );
    expect((await queue.counts()).queued).toBe(0);
  });
});

describe('an error with others behind it', () => {
  const failing = (error: unknown) =>
    appWith(
      () => {
        throw error;
      },
      { attempts: 1 },
    );

  test('keeps the reasons of an AggregateError, with their causes', async () => {
    const disk = new Error('no space', { cause: new Error('EDQUOT') });
    const error = new AggregateError([new Error('no network'), disk, 'no luck'], 'all failed');
    const { work, queue } = await failing(error);
    const result = await queue.getResult((await work.do()).id);
    expect(result).toMatchObject({ errorName: 'AggregateError', error: 'all failed' });
    const parts = [
      'AggregateError: all failed',
      'Reason 1 of 3: Error: no network',
      'Reason 2 of 3: Error: no space',
      'Caused by: Error: EDQUOT',
      'Reason 3 of 3: no luck',
    ];
    const places = parts.map((part) => result.stack!.indexOf(part));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('says what its reasons say where it says nothing itself, as those of Node', async () => {
    const { work } = await failing(new AggregateError([new Error('::1'), new Error('127.0.0.1')]));
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorName: 'AggregateError',
      errorMessage: '::1; 127.0.0.1',
    });
  });

  test('takes 64 KiB at most, of which each has its share', async () => {
    const large = 'é'.repeat(100_000);
    const reasons = Array.from({ length: 1000 }, (_, i) => new Error(`reason ${i} ${large}`));
    const { work, queue } = await failing(new AggregateError(reasons, large));
    const { stack } = await queue.getResult((await work.do()).id);
    expect(Buffer.byteLength(stack!)).toBeLessThanOrEqual(64 * 1024);
    expect(stack).toMatch(/^AggregateError: éé/);
    expect(stack).toContain('Reason 31 of 1000: Error: reason 30 éé');
  });

  test('may be a circle, and behind itself', async () => {
    const error = new Error('a');
    const other = new AggregateError([error, new Proxy([], refusing)], 'b', { cause: error });
    error.cause = other;
    const { work, queue } = await failing(error);
    const { stack } = await queue.getResult((await work.do()).id);
    expect(stack!.match(/Caused by|Reason/g)).toHaveLength(2);
  });
});

const refusing: ProxyHandler<never[]> = {
  get: () => {
    throw new Error('unreadable');
  },
};

describe('a timeout', () => {
  test('aborts the signal and fails the attempt', async () => {
    const reasons: unknown[] = [];
    const { work, queue } = await appWith(
      async ({ signal, attempt }) => {
        if (attempt === 2) return 'in time';
        reasons.push(await aborted(signal));
        throw new Error('gave up');
      },
      { timeout: 10, backoff: 0 },
    );
    const handle = await work.do();
    expect(await handle.result(patience)).toBe('in time');
    expect(reasons).toEqual([expect.any(TaskTimeoutError)]);
    expect(reasons[0]).toMatchObject({ taskId: handle.id, timeout: 10 });
    expect((await queue.getTask(handle.id))?.attempt).toBe(2);
  });

  test('may come from the enqueue', async () => {
    const Work = handlerOf(async ({ signal }) => {
      throw await aborted(signal);
    });
    const { queue } = await startApp([Work]);
    const handle = await queue.for(Work, { timeout: 10, attempts: 1 }).do();
    await expect(handle.result(patience)).rejects.toThrow(TaskTimeoutError);
    expect(await queue.getResult(handle.id)).toMatchObject({
      errorName: 'TaskTimeoutError',
      errorCode: 'SITQ_TASK_TIMEOUT',
      error: `Task ${handle.id} ran longer than its timeout of 10 ms.`,
    });
  });

  test('is what the attempt failed of, whatever the handler throws on its signal', async () => {
    const { work, queue } = await appWith(
      async ({ signal }) => {
        await aborted(signal);
        throw new Error('connection reset');
      },
      { timeout: 10, attempts: 2, backoff: 0 },
    );
    const handle = await work.do();
    await expect(handle.result(patience)).rejects.toThrow(TaskTimeoutError);
    const { errorName, stack } = (await queue.getResult(handle.id))!;
    expect(errorName).toBe('TaskTimeoutError');
    expect(stack).toContain('Caused by: Error: connection reset');
    expect((await queue.getTask(handle.id))?.attempt).toBe(2);
  });

  test('does not undo a handler that finishes within the grace', async () => {
    const { work } = await appWith(
      async ({ signal }) => {
        await aborted(signal);
        return 'late but done';
      },
      { timeout: 10 },
    );
    expect(await (await work.do()).result(patience)).toBe('late but done');
  });

  test('of another task that a handler lets through is not its own', async () => {
    const { work } = await appWith(
      () => {
        throw new TaskTimeoutError('another', 10);
      },
      { attempts: 1 },
    );
    const ended = (await work.do()).result(patience);
    await expect(ended).rejects.toThrow(TaskFailedError);
    await expect(ended).rejects.toMatchObject({
      errorName: 'TaskTimeoutError',
      errorMessage: expect.stringContaining('Task another '),
    });
  });

  test('leaves a handler that ignores it in its slot, stuck, and never runs it twice at once', async () => {
    const first = new Gate();
    let running = 0;
    let most = 0;
    const { app, work, queue, worker } = await appWith(
      async ({ attempt }) => {
        running += 1;
        most = Math.max(most, running);
        if (attempt === 1) await first.opened;
        running -= 1;
        return `attempt ${attempt}`;
      },
      { timeout: 10, backoff: 0 },
      { worker: { timeoutGrace: 10, concurrency: 1, lease: '1h' } },
    );
    const handle = await work.do();
    const next = await work.do();
    await eventually(async () => (await queue.counts()).stuck === 1);
    expect(worker.stats()).toMatchObject({ inFlight: 1, stuck: 1 });
    expect(await queue.counts()).toMatchObject({ running: 1, queued: 1 });
    expect(await handle.status()).toBe('running');
    expect(app.lines.ofSitq).toContain(
      `error Task Work.do ${handle.id} is stuck: its handler ignores the signal that aborted ` +
        `after 10 ms. Its slot stays taken until the handler ends. [Sitq]`,
    );
    first.open();
    expect(await handle.result(patience)).toBe('attempt 2');
    expect(await next.result(patience)).toBe('attempt 1');
    expect(most).toBe(1);
    await eventually(async () => (await queue.counts()).stuck === 0);
    expect(worker.stats()).toMatchObject({ inFlight: 0, stuck: 0 });
  });

  test('fails the task at the end of the last grace, though its handler goes on', async () => {
    const gate = new Gate();
    const { work, queue, worker, recorder } = await appWith(
      async () => {
        await gate.opened;
        return 'too late';
      },
      { timeout: 10, attempts: 1 },
      { worker: { timeoutGrace: 10, concurrency: 1 } },
    );
    const handle = await work.do();
    await expect(handle.result(patience)).rejects.toThrow(TaskTimeoutError);
    expect(worker.stats()).toMatchObject({ inFlight: 1, stuck: 1 });
    const before = await queue.backend.getResult(handle.id);
    gate.open();
    await eventually(async () => worker.stats()?.inFlight === 0);
    expect(await queue.backend.getResult(handle.id)).toEqual(before);
    expect(await recorder.outcomes(handle)).toHaveLength(1);
    expect(worker.stats()?.refused).toBe(0);
  });
});

describe('cancel', () => {
  /** So that a cancel arrives by its own wake-up or not at all. */
  const worker = { pollInterval: '1h' } as const;

  test('ends a waiting task, which never runs', async () => {
    let runs = 0;
    const { work, queue } = await appWith(() => void (runs += 1));
    const handle = await queue.enqueue('Work.do', [], { delay: 30 });
    expect(await handle.cancel()).toBe('cancelled');
    const later = await queue.enqueue('Work.do', [], { delay: 60 });
    await later.result(patience);
    await (await work.do()).result(patience);
    expect(runs).toBe(2);
  });

  test('aborts the signal of a running one', async () => {
    const reason = new Gate<unknown>();
    const started = new Gate();
    const { work, recorder } = await appWith(
      async ({ signal }) => {
        started.open();
        reason.open(await aborted(signal));
        throw new Error('stopped halfway');
      },
      {},
      { worker },
    );
    const handle = await work.do();
    await started.opened;
    expect(await handle.cancel()).toBe('running');
    await expect(handle.result(patience)).rejects.toThrow(TaskCancelledError);
    expect(await reason.opened).toBeInstanceOf(TaskCancelledError);
    expect(await recorder.outcomes(handle)).toEqual([{ kind: 'cancelled' }]);
  });

  test('works from another process', async () => {
    const database = tempFile();
    const started = new Gate();
    const app = await appWith(
      async ({ signal }) => {
        started.open();
        throw await aborted(signal);
      },
      {},
      { database, worker },
    );
    const other = await startApp([], { database, worker: false });
    const handle = await app.work.do();
    await started.opened;
    const waiting = other.queue.handle(handle.id).result(patience);
    expect(await other.queue.cancel(handle.id)).toBe('running');
    await expect(waiting).rejects.toThrow(TaskCancelledError);
  });

  test('is noticed at the next poll where the wake-up is lost', async () => {
    const backend = new TypeOrmBackend({ database: ':memory:' });
    backend.onChange = () => () => undefined;
    const started = new Gate();
    const { work } = await appWith(
      async ({ signal }) => {
        started.open();
        throw await aborted(signal);
      },
      {},
      { backend, worker: { pollInterval: 10 } },
    );
    const handle = await work.do();
    await started.opened;
    await handle.cancel();
    await expect(handle.result(patience)).rejects.toThrow(TaskCancelledError);
  });

  test('does not undo a handler that finishes anyway', async () => {
    const started = new Gate();
    const { work, queue } = await appWith(
      async ({ signal }) => {
        started.open();
        await aborted(signal);
        return 'done all the same';
      },
      {},
      { worker },
    );
    const handle = await work.do();
    await started.opened;
    await handle.cancel();
    expect(await handle.result(patience)).toBe('done all the same');
    const task = await queue.getTask(handle.id);
    expect(task).toMatchObject({ status: 'completed', cancelRequested: true });
  });

  test('ends a task that waits for its next attempt', async () => {
    const { work, recorder } = await appWith(
      () => {
        throw new Error('no luck');
      },
      { backoff: '1h' },
    );
    const handle = await work.do();
    await recorder.outcome(handle);
    expect(await handle.cancel()).toBe('cancelled');
  });
});

describe('concurrency', () => {
  test('is bounded by the worker', async () => {
    const gates = Array.from({ length: 7 }, () => new Gate());
    let running = 0;
    let most = 0;
    const { work, worker, queue } = await appWith(
      async (_run, nth: never) => {
        running += 1;
        most = Math.max(most, running);
        await gates[nth]!.opened;
        running -= 1;
      },
      {},
      { worker: { concurrency: 3 } },
    );
    const handles = [];
    for (let nth = 0; nth < 7; nth += 1) handles.push(await work.do(nth));
    await eventually(async () => running === 3);
    expect(worker.stats()?.inFlight).toBe(3);
    expect(await queue.counts()).toMatchObject({ running: 3, queued: 4 });
    for (const gate of gates) gate.open();
    await Promise.all(handles.map((handle) => handle.result(patience)));
    expect(most).toBe(3);
  });

  test('of a handler leaves room for the others', async () => {
    const gate = new Gate();
    let slowRunning = 0;
    let mostSlow = 0;
    @Injectable()
    class Mixed {
      @Task({ concurrency: 2, priority: 10 })
      async slow(): Promise<void> {
        slowRunning += 1;
        mostSlow = Math.max(mostSlow, slowRunning);
        await gate.opened;
        slowRunning -= 1;
      }
      @Task()
      fast(): string {
        return 'overtook';
      }
    }
    const database = tempFile();
    const { queue } = await startApp([Mixed], { database, worker: false });
    const slow = [];
    for (let i = 0; i < 5; i += 1) slow.push(await queue.for(Mixed).slow());
    const fast = await queue.for(Mixed).fast();
    await startApp([Mixed], { database, worker: { concurrency: 3 } });
    expect(await fast.result(patience)).toBe('overtook');
    expect(await queue.counts()).toMatchObject({ running: 2, queued: 3, completed: 1 });
    gate.open();
    await Promise.all(slow.map((handle) => handle.result(patience)));
    expect(mostSlow).toBe(2);
  });

  test('runs by priority, then eta, then enqueue order', async () => {
    const order: string[] = [];
    const Work = handlerOf((_run, name: never) => void order.push(name));
    const database = tempFile();
    const { queue } = await startApp([Work], { database, worker: false });
    const past = (ms: number) => new Date(Date.now() - ms);
    const enqueue = (name: string, options = {}) => queue.for(Work, options).do(name);
    const handles = [
      await enqueue('5th', { eta: past(10_000) }),
      await enqueue('6th', { eta: past(10_000) }),
      await enqueue('4th', { eta: past(20_000) }),
      await enqueue('7th', { priority: -1, eta: past(90_000) }),
      await enqueue('1st', { priority: 32767, eta: past(0) }),
      await enqueue('3rd', { priority: 5, eta: past(10_000) }),
      await enqueue('2nd', { priority: 5, eta: past(20_000) }),
    ];
    await startApp([Work], { database, worker: { concurrency: 1 } });
    await Promise.all(handles.map((handle) => handle.result(patience)));
    expect(order).toEqual([...order].sort());
    expect(order).toHaveLength(7);
  });

  test('is for the queues of this worker only', async () => {
    const Work = handlerOf((_run, name: never) => name);
    const { queue } = await startApp([Work], { worker: { queues: ['mail', 'post'] } });
    const enqueue = (lane: string) => queue.for(Work, { queue: lane }).do(lane);
    const other = await enqueue('other');
    const [mail, post] = [await enqueue('mail'), await enqueue('post')];
    expect(await mail.result(patience)).toBe('mail');
    expect(await post.result(patience)).toBe('post');
    expect(await other.status()).toBe('queued');
  });

  test('is for the handlers of this process only', async () => {
    const { work, queue } = await appWith(() => 'known');
    const unknown = await queue.enqueue('Elsewhere.do', [], { priority: 100 });
    expect(await (await work.do()).result(patience)).toBe('known');
    expect(await queue.getTask(unknown.id)).toMatchObject({ status: 'queued', attempt: 0 });
  });

  test('starts a delayed task when its time has come, not before', async () => {
    const { queue } = await appWith(() => Date.now(), {}, { worker: { pollInterval: '1h' } });
    const eta = new Date(Date.now() + 60);
    const handle = await queue.enqueue<number>('Work.do', [], { eta });
    expect(await handle.result(patience)).toBeGreaterThanOrEqual(eta.getTime());
  });
});

describe('tasks claimed ahead', () => {
  const SLOTS = 50;
  const SLOW = `SELECT id FROM sitq_task WHERE status = 'running' AND payload = '[true]'`;
  const GIVEN_BACK = `SELECT id FROM sitq_task WHERE status = 'queued' AND lease > 0 AND attempt = 0`;

  /** A worker that had thousands of tasks which are soon over, and now has some that are not. */
  async function amidSlowOnes(storeOf = (database: string): SitqOptions => ({ database })) {
    const gate = new Gate();
    const started = new Set<string>();
    let running = 0;
    let most = 0;
    const Work = handlerOf(async (run, isSlow: never) => {
      most = Math.max(most, (running += 1));
      if (isSlow) {
        started.add(run.task.id);
        await gate.opened;
      } else {
        await sleep(1);
      }
      running -= 1;
    });
    const database = tempFile();
    const { queue } = await startApp([Work], { database, worker: false });
    await queue.enqueueMany('Work.do', [
      ...Array.from({ length: 3000 }, () => [false]),
      ...Array.from({ length: 200 }, () => [true]),
    ]);
    const sql = openSqlite(database);
    closing.push(
      () => gate.open(),
      () => sql.close(),
    );
    const app = await startApp([Work], {
      ...storeOf(database),
      worker: { concurrency: SLOTS },
    });
    await eventually(async () => started.size === SLOTS);
    const ids = async (text: string) => (await sql.query<{ id: string }>(text)).map(({ id }) => id);
    const inLine = (await ids(SLOW)).filter((id) => !started.has(id));
    return { app, gate, ids, inLine, most: () => most, queue, started };
  }

  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test('never take more than the slots, and are left to others when these do not become free', async () => {
    const { gate, ids, inLine, most, queue, started } = await amidSlowOnes();
    expect(inLine.length).toBeGreaterThan(0);
    await eventually(async () => (await queue.counts()).running === SLOTS);
    expect(await ids(GIVEN_BACK)).toEqual(expect.arrayContaining(inLine));
    expect(started.size).toBe(SLOTS);
    gate.open();
    await eventually(async () => (await queue.counts()).completed === 3200);
    expect(most()).toBe(SLOTS);
  });

  test('are left to others as soon as the store lets them', async () => {
    let backend!: FailingBackend;
    const { queue } = await amidSlowOnes((database) => {
      backend = new FailingBackend(database);
      backend.takeDown('updateTaskStatus');
      return { backend };
    });
    await eventually(async () => (backend.refused.get('updateTaskStatus') ?? 0) > 0);
    backend.bringBack();
    await eventually(async () => (await queue.counts()).running === SLOTS);
  });

  test('never begin when they are cancelled', async () => {
    const { gate, inLine, queue, started } = await amidSlowOnes();
    const [id] = inLine;
    await queue.cancel(id!);
    await eventually(async () => (await queue.getResult(id!))?.status === 'cancelled');
    gate.open();
    await eventually(async () => (await queue.counts()).completed === 3199);
    expect(started).not.toContain(id);
  });

  test('go back with their attempt when the worker stops', async () => {
    const { app, gate, ids, inLine, queue } = await amidSlowOnes();
    const stopping = app.close();
    await eventually(async () => app.worker.stats()?.state === 'draining');
    gate.open();
    await stopping;
    expect(await queue.counts()).toMatchObject({ running: 0, completed: 3000 + SLOTS });
    expect(await ids(GIVEN_BACK)).toEqual(expect.arrayContaining(inLine));
  });
});

describe('progress and log', () => {
  test('are kept with the task while it runs and after', async () => {
    const gate = new Gate();
    const { work, queue } = await appWith(async (run) => {
      run.progress(10);
      run.progress({ done: 2, of: new Map([['all', 3n]]) });
      run.log('began');
      await gate.opened;
      run.log('ends');
    });
    const handle = await work.do();
    const progress = await eventually(async () => (await queue.getTask(handle.id))?.progress);
    expect(progress).toEqual({ done: 2, of: new Map([['all', 3n]]) });
    expect(await queue.getLog(handle.id)).toMatchObject([{ line: 'began', attempt: 1 }]);
    gate.open();
    await handle.result(patience);
    expect((await queue.getTask(handle.id))?.progress).toEqual(progress);
    const lines = await queue.getLog(handle.id);
    expect(lines.map(({ line }) => line)).toEqual(['began', 'ends']);
    await expect(queue.getLog('nobody')).rejects.toThrow('There is no task nobody');
  });

  test('keep the last thousand lines, over all attempts', async () => {
    const { work, queue } = await appWith(
      (run) => {
        for (let i = 0; i < 600; i += 1) run.log(`${run.attempt}/${i}`);
        if (!run.lastAttempt) throw new Error('once more');
      },
      { attempts: 2, backoff: 0 },
    );
    const handle = await work.do();
    await handle.result(patience);
    const lines = (await queue.getLog(handle.id)).map(({ line }) => line);
    expect(lines).toHaveLength(1000);
    expect([lines[0], lines[399], lines[400], lines[999]]).toEqual([
      '1/200',
      '1/599',
      '2/0',
      '2/599',
    ]);
  });

  test('keep the last thousand lines of a burst', async () => {
    const { work, queue } = await appWith((run) => {
      for (let i = 0; i < 1500; i += 1) run.log(String(i));
    });
    const handle = await work.do();
    await handle.result(patience);
    const lines = (await queue.getLog(handle.id)).map(({ line }) => Number(line));
    expect([lines.length, lines[0], lines[999]]).toEqual([1000, 500, 1499]);
  });

  test('cut long lines and clean what databases refuse', async () => {
    const { work, queue } = await appWith((run) => {
      run.log('数'.repeat(5000));
      run.log('a\0b\ud800c');
      run.log(5 as never);
    });
    const handle = await work.do();
    await handle.result(patience);
    const lines = (await queue.getLog(handle.id)).map(({ line }) => line);
    expect(lines).toEqual(['数'.repeat(2730), 'a\u2400b\ufffdc', '5']);
  });

  test('refuse progress that is large or cannot be kept, in the handler', async () => {
    const refusals: unknown[] = [];
    const { work, queue } = await appWith((run) => {
      for (const value of ['x'.repeat(65_535), nested(501), () => 1, 'small']) {
        try {
          run.progress(value);
        } catch (error) {
          refusals.push(error);
        }
      }
    });
    const handle = await work.do();
    await handle.result(patience);
    expect(refusals).toEqual(Array(3).fill(expect.any(SerializationError)));
    expect(refusals[0]).toMatchObject({ path: 'progress' });
    expect((await queue.getTask(handle.id))?.progress).toBe('small');
  });
});

describe('a result', () => {
  test.each<[what: string, value: unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['false', false],
    ['text with NUL', 'a\0b'],
    ['a rich value', { at: new Date(0), big: 2n ** 70n, map: new Map([[1, new Set([NaN, -0])]]) }],
    ['bytes', Buffer.from([0, 1, 255])],
  ])('may be %s', async (_, value) => {
    const { work } = await appWith(() => value);
    expect(await (await work.do()).result(patience)).toEqual(value);
  });

  test('is awaited', async () => {
    const { work } = await appWith(async (_run, a: never, b: never) => {
      await Promise.resolve();
      return a + b;
    });
    expect(await (await work.do(20, 3)).result(patience)).toBe(23);
  });

  test.each<[what: string, value: unknown, path: string]>([
    ['holds a function', { rows: [{ save: () => 1 }] }, 'result.rows[0].save'],
    ['is an instance of a class', new Recorder(), 'result'],
    ['is too large', 'x'.repeat(1024 * 1024), 'result'],
    ['is enormous', 'x'.repeat(50_000_000), 'result'],
    ['is nested too deeply', nested(501), 'result'],
  ])('that %s fails the task, without another attempt', async (_, value, path) => {
    let runs = 0;
    const { work, queue } = await appWith(
      () => {
        runs += 1;
        return value;
      },
      { backoff: 0 },
    );
    const handle = await work.do();
    const error = await handle.result(patience).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errorName: 'SerializationError' });
    expect((error as { errorMessage: string }).errorMessage).toContain(path);
    expect((await queue.getResult(handle.id))?.errorCode).toBe('SITQ_SERIALIZATION');
    expect(runs).toBe(1);
  });
});

describe('an Observable', () => {
  async function observe(make: (signal: AbortSignal) => unknown) {
    return appWith(({ signal }) => make(signal), { attempts: 1 });
  }

  test('publishes its values as progress, and the last is the result', async () => {
    const { work, queue } = await observe(() => from([25, 50, 'done']));
    const handle = await work.do();
    expect(await handle.result(patience)).toBe('done');
    expect((await queue.getTask(handle.id))?.progress).toBe('done');
  });

  test('may come from an async handler', async () => {
    const { work } = await observe(async () => of(1, 2, 3));
    expect(await (await work.do()).result(patience)).toBe(3);
  });

  test('may be empty', async () => {
    const { work } = await observe(() => from([]));
    expect(await (await work.do()).result(patience)).toBeUndefined();
  });

  test('fails the attempt with its error', async () => {
    const { work } = await observe(() => throwError(() => new RangeError('no more')));
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorName: 'RangeError',
      errorMessage: 'no more',
    });
  });

  test('is left when the task is cancelled', async () => {
    const subscribed = new Gate();
    const left = new Gate();
    const endless: Observable<never> = NEVER;
    const { work } = await observe(
      () =>
        new Observable((subscriber) => {
          const inner = endless.subscribe(subscriber);
          subscribed.open();
          return () => {
            inner.unsubscribe();
            left.open();
          };
        }),
    );
    const handle = await work.do();
    await subscribed.opened;
    await handle.cancel();
    await expect(handle.result(patience)).rejects.toThrow(TaskCancelledError);
    await left.opened;
  });

  test('that comes only after the timeout is not left running', async () => {
    let subscriptions = 0;
    const { work } = await appWith(
      async ({ signal }) => {
        await aborted(signal);
        return new Observable(() => {
          subscriptions += 1;
          return () => void (subscriptions -= 1);
        });
      },
      { attempts: 1, timeout: 10 },
    );
    await expect((await work.do()).result(patience)).rejects.toThrow(TaskTimeoutError);
    expect(subscriptions).toBe(0);
  });

  test('may end with more than progress may hold', async () => {
    const large = 'x'.repeat(100 * 1024);
    const { work, queue } = await observe(() => of('half', large));
    const handle = await work.do();
    expect(await handle.result(patience)).toBe(large);
    expect((await queue.getTask(handle.id))?.progress).toBe('half');
  });
});

describe('the context', () => {
  test('follows each run through its awaits', async () => {
    const both = new Gate();
    let arrived = 0;
    const { work } = await appWith(async (run, name: never) => {
      const before = run.task.id;
      arrived += 1;
      if (arrived === 2) both.open();
      await both.opened;
      await new Promise((resolve) => setImmediate(resolve));
      const { id, args, status, workerId, startedAt } = run.task;
      return { name, same: id === before, args, status, held: workerId !== null, startedAt };
    });
    const handles = [await work.do('a'), await work.do('b')];
    const results = await Promise.all(handles.map((handle) => handle.result(patience)));
    expect(results).toEqual(
      ['a', 'b'].map((name) => ({
        name,
        same: true,
        args: [name],
        status: 'running',
        held: true,
        startedAt: expect.any(Date),
      })),
    );
  });

  test('is not there outside', async () => {
    const { app } = await appWith(() => undefined);
    const run = app.module.get(TaskContext, { strict: false });
    expect(run.active).toBe(false);
    expect(() => run.task).toThrow('outside a task');
    expect(run.signal.aborted).toBe(false);
  });
});

test('an outcome is stored although the store throws before there is a promise', async () => {
  class Hasty extends TypeOrmBackend {
    throws = 1;
    override storeResult(...args: Parameters<TypeOrmBackend['storeResult']>): Promise<void> {
      if ((this.throws -= 1) >= 0) throw new BackendError('not now', { transient: true });
      return super.storeResult(...args);
    }
  }
  const backend = new Hasty({ database: ':memory:' });
  const { app, work } = await appWith(() => 'done', {}, { backend });
  expect(await (await work.do()).result(patience)).toBe('done');
  expect(app.worker.stats()).toMatchObject({ refused: 0 });
});

describe('a serializer of your own', () => {
  const shout: Serializer = {
    serialize: (value) => `!${JSON.stringify(value)}`,
    deserialize: (text) => JSON.parse(text.slice(1)),
  };

  test('keeps arguments, results and progress', async () => {
    const { work, queue } = await appWith(
      (run, name: never) => {
        run.progress([1]);
        return { name };
      },
      {},
      { serializer: shout },
    );
    const handle = await work.do('Ann');
    expect(await handle.result(patience)).toEqual({ name: 'Ann' });
    expect((await queue.getTask(handle.id))?.progress).toEqual([1]);
    const stored = await queue.backend.getTask(handle.id);
    expect(stored).toMatchObject({ payload: '!["Ann"]', progress: '![1]' });
    expect((await queue.backend.getResult(handle.id))?.value).toBe('!{"name":"Ann"}');
  });

  test('may refuse, and must return text', async () => {
    const serializer: Serializer = {
      serialize: (value) => {
        if (JSON.stringify(value) === '["bad"]') throw new Error('not this');
        return 5 as never;
      },
      deserialize: () => [],
    };
    const { queue } = await startApp([], { serializer, worker: false });
    await expect(queue.enqueue('x', ['bad'])).rejects.toThrow('args cannot be kept: not this.');
    await expect(queue.enqueue('x', [])).rejects.toThrow('returned number for args, not text');
  });

  test('that cannot read a payload fails the task', async () => {
    const serializer: Serializer = {
      serialize: (value) => JSON.stringify(value),
      deserialize: () => {
        throw new Error('wrong key');
      },
    };
    const { work } = await appWith(() => 'never called', { attempts: 1 }, { serializer });
    await expect((await work.do()).result(patience)).rejects.toMatchObject({
      errorMessage: expect.stringContaining('wrong key'),
    });
  });

  test('that quotes what it cannot read does not have it stored', async () => {
    const serializer: Serializer = {
      serialize: (value) => Buffer.from(String(value)).toString('hex'),
      deserialize: (text) => JSON.parse(Buffer.from(text, 'hex').toString()),
    };
    const { work, queue } = await appWith(() => 'never called', { attempts: 1 }, { serializer });
    const handle = await work.do('Ann, 4111 1111');
    await expect(handle.result(patience)).rejects.toMatchObject({
      errorMessage: expect.stringContaining(
        'cannot be read as a list of arguments. It is no JSON.',
      ),
    });
    const { error } = (await queue.backend.getResult(handle.id))!;
    expect(JSON.stringify(error)).not.toContain('4111');
  });
});

describe('the log', () => {
  test('tells start, stop and each failed attempt, never payloads', async () => {
    const { app, work } = await appWith(
      (run) => {
        run.log('secret');
        run.progress('secret');
        if (run.attempt < 3) throw new Error('no luck');
        return 'secret';
      },
      { attempts: 3, backoff: 0 },
      { worker: { queues: ['default', 'mail'], concurrency: 4 } },
    );
    const good = await work.do('secret');
    await good.result(patience);
    await app.close();
    const [place, start, first, second, stop, ...rest] = app.lines.ofSitq;
    expect(place).toBe('log Tasks are in :memory: [Sitq]');
    expect(start).toMatch(
      /^log Worker .{36} runs 1 handler\(s\), 4 task\(s\) at once, queues: default, mail\. \[Sitq\]$/,
    );
    const attempt = (n: number) =>
      `warn Task Work.do ${good.id} attempt ${n} of 3 failed, next in 0 ms: Error: no luck [Sitq]`;
    expect([first, second]).toEqual([attempt(1), attempt(2)]);
    expect(stop).toMatch(/^log Worker .{36} has stopped\. \[Sitq\]$/);
    expect(rest).toEqual([]);
    expect(app.lines.all.join('\n')).not.toContain('secret');
  });

  test('tells a failure for good with its stack, never payloads', async () => {
    const { app, work } = await appWith(
      () => {
        throw new RangeError('no luck');
      },
      { attempts: 1 },
    );
    const handle = await work.do('secret');
    await expect(handle.result(patience)).rejects.toThrow('no luck');
    const line = await eventually(async () =>
      app.lines.all.find((each) => each.startsWith('error')),
    );
    expect(line).toMatch(
      `error Task Work.do ${handle.id} attempt 1 of 1 failed for good: RangeError: no luck`,
    );
    expect(line).toContain('worker.spec');
    expect(app.lines.all.join('\n')).not.toContain('secret');
  });
});

describe('plugins', () => {
  test('may change or refuse what is enqueued', async () => {
    const plugin: Plugin = {
      name: 'tenant',
      beforeEnqueue: async (draft) => {
        await Promise.resolve();
        if (draft.args[0] === 'refused') throw new Error('not for this tenant');
        draft.queue = `${draft.queue}-a`;
        draft.priority += 1;
        draft.eta += 1_000;
        draft.meta.tenant = String(draft.args[0]);
      },
    };
    const { queue } = await startApp([], { plugins: [plugin], worker: false });
    const { id } = await queue.enqueue('x', ['ann'], { meta: { by: 'test' } });
    const task = (await queue.getTask(id))!;
    expect(task).toMatchObject({
      queue: 'default-a',
      priority: 1,
      meta: { by: 'test', tenant: 'ann' },
    });
    expect(task.eta.getTime() - task.createdAt.getTime()).toBe(1000);
    await expect(queue.enqueue('x', ['refused'])).rejects.toThrow('not for this tenant');
    await expect(queue.enqueueMany('x', [['bob'], ['refused']])).rejects.toThrow('not for this');
    expect((await queue.counts()).queued).toBe(1);
    expect(await queue.enqueueMany('x', [['bob'], ['eve']])).toBe(2);
  });

  test('may not enqueue nonsense', async () => {
    const plugin: Plugin = {
      name: 'broken',
      beforeEnqueue: (draft) => {
        draft.priority = Infinity;
      },
    };
    const { queue } = await startApp([], { plugins: [plugin], worker: false });
    await expect(queue.enqueue('x')).rejects.toMatchObject({
      name: 'ValidationError',
      option: 'priority',
    });
  });

  test('stand around the run, the first one outermost', async () => {
    const steps: string[] = [];
    const around = (name: string): Plugin => ({
      name,
      aroundRun: async (task, next) => {
        steps.push(`${name} before ${task.name}`);
        const value = await next();
        steps.push(`${name} after ${String(value)}`);
        return `${name}(${String(value)})`;
      },
    });
    const { work } = await appWith(
      () => {
        steps.push('handler');
        return 'value';
      },
      {},
      { plugins: [around('outer'), around('inner')] },
    );
    expect(await (await work.do()).result(patience)).toBe('outer(inner(value))');
    expect(steps).toEqual([
      'outer before Work.do',
      'inner before Work.do',
      'handler',
      'inner after value',
      'outer after inner(value)',
    ]);
  });

  test('fail the attempt by what they throw around the run, or heal it', async () => {
    const guard: Plugin = {
      name: 'guard',
      aroundRun: async ({ args }, next) => {
        if (args[0] === 'forbidden') throw new DoNotRetryError('forbidden');
        return next().catch((error: Error) => `healed ${error.message}`);
      },
    };
    const { work } = await appWith(
      () => {
        throw new Error('wound');
      },
      {},
      { plugins: [guard] },
    );
    expect(await (await work.do()).result(patience)).toBe('healed wound');
    await expect((await work.do('forbidden')).result(patience)).rejects.toThrow('forbidden');
  });

  test('hear of every outcome and cannot undo it', async () => {
    const broken: Plugin = {
      name: 'broken',
      afterSettle: () => {
        throw new Error('plugin trouble');
      },
    };
    const { app, work, recorder } = await appWith(() => 'value', {}, { plugins: [broken] });
    const handle = await work.do();
    expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed', value: 'value' });
    expect(await handle.result(patience)).toBe('value');
    await app.close();
    expect(app.lines.ofSitq).toContain(
      'warn Plugin broken failed in afterSettle: Error: plugin trouble [Sitq]',
    );
  });

  test('tick while the worker runs', async () => {
    const ticked = new Gate<Date>();
    const broken: Plugin = {
      name: 'broken',
      tick: () => {
        throw new Error('tick trouble');
      },
    };
    const clockwork: Plugin = { name: 'clockwork', tick: (now) => ticked.open(now) };
    const began = Date.now();
    const app = await startApp([], {
      plugins: [broken, clockwork],
      worker: { pollInterval: 10 },
    });
    expect((await ticked.opened).getTime()).toBeGreaterThanOrEqual(began);
    expect(app.lines.ofSitq).toContain(
      'warn Plugin broken failed in tick: Error: tick trouble [Sitq]',
    );
  });
});

describe('a lost lease', () => {
  test.each([
    ['at its next claim', 10],
    ['at its next heartbeat, when no slot is free', 1],
  ])('is noticed by the worker %s; the late run changes nothing', async (_, concurrency) => {
    const database = tempFile();
    const started = new Gate();
    const reason = new Gate<unknown>();
    const { app, work, queue, worker } = await appWith(
      async ({ attempt, signal }) => {
        if (attempt === 1) {
          started.open();
          reason.open(await aborted(signal));
        }
        return `attempt ${attempt}`;
      },
      {},
      { database, worker: { lease: '1s', concurrency } },
    );
    const handle = await work.do();
    await started.opened;

    const other = new TypeOrmBackend({ database });
    await other.open();
    await other.retireWorker((await queue.workers())[0]!.id); // as who takes over does
    expect(await other.rescueTasks()).toMatchObject([{ id: handle.id, status: 'queued' }]);
    await other.close();

    expect(await reason.opened).toBeInstanceOf(LeaseLostError);
    expect(await handle.result(patience)).toBe('attempt 2');
    await eventually(async () => worker.stats()?.refused === 1);
    const { lease, attempt } = (await queue.backend.getTask(handle.id))!;
    expect({ lease, attempt }).toEqual({ lease: 2, attempt: 2 });
    const said = app.lines.ofSitq.join('\n');
    expect(said).toContain('was silent for longer than its lease of 1000 ms');
    expect(said).toContain(`Task Work.do ${handle.id} was handed on while its handler ran`);
  });

  test('is looked for only a lease after the own one was renewed', async () => {
    const LEASE = 1000;
    const backend = new TypeOrmBackend({ database: ':memory:' });
    const renew = backend.renewWorker.bind(backend);
    const rescue = backend.rescueTasks.bind(backend);
    const swept = new Gate<number>();
    let renewedAt: number | undefined;
    let blocked = false;
    backend.renewWorker = (...args) =>
      renew(...args).finally(() => void (renewedAt ??= blocked ? performance.now() : undefined));
    backend.rescueTasks = (...args) => {
      const [, onlyGone] = args;
      if (blocked && !onlyGone) swept.open(performance.now());
      return rescue(...args);
    };
    const { work, queue, worker } = await appWith(
      async () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1.3 * LEASE);
        blocked = true;
        await swept.opened;
      },
      {},
      { backend, worker: { lease: LEASE } },
    );
    const handle = await work.do();
    expect(await swept.opened).toBeGreaterThanOrEqual(renewedAt! + LEASE);
    await handle.result(patience);
    expect(await queue.getTask(handle.id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(worker.stats()).toMatchObject({ inFlight: 0, refused: 0 });
  });
});

describe('an outage of the store', () => {
  test('does not make a task run twice: its outcome is stored when it is over', async () => {
    const backend = new FailingBackend();
    const gate = new Gate();
    let runs = 0;
    const { app, work } = await appWith(
      async () => {
        runs += 1;
        await gate.opened;
        return 'kept';
      },
      {},
      { backend },
    );
    const handle = await work.do();
    await eventually(async () => runs === 1);
    backend.takeDown('storeResult');
    gate.open();
    await eventually(async () => (backend.refused.get('storeResult') ?? 0) > 1);
    backend.bringBack();
    expect(await handle.result(patience)).toBe('kept');
    expect(runs).toBe(1);
    const told = `cannot store the outcome of task ${handle.id} yet: BackendError: the disk is away`;
    expect(app.lines.ofSitq.filter((line) => line.includes(told))).toHaveLength(1);
  });

  test('is told once, and so is its end', async () => {
    const backend = new FailingBackend();
    backend.takeDown('reserveTask');
    const { app, work } = await appWith(() => 'ran', {}, { backend, worker: { pollInterval: 10 } });
    const handle = await work.do();
    await eventually(async () => (backend.refused.get('reserveTask') ?? 0) > 3);
    expect(await handle.status()).toBe('queued');
    backend.bringBack();
    expect(await handle.result(patience)).toBe('ran');
    const told = app.lines.ofSitq.filter((line) => /claim tasks|its store/.test(line));
    expect(told).toEqual([
      expect.stringMatching(/^error Worker .* cannot claim tasks: BackendError: the disk is away/),
      expect.stringMatching(/^log Worker .* can use its store again, after \d+ s\./),
    ]);
  });

  test('does not end a wait for a result', async () => {
    const backend = new FailingBackend();
    const gate = new Gate();
    const { work } = await appWith(() => gate.opened.then(() => 'found'), {}, { backend });
    const handle = await work.do();
    const waiting = handle.result(patience);
    await eventually(async () => (await handle.status()) === 'running');
    backend.takeDown('getResults');
    gate.open();
    await eventually(async () => (backend.refused.get('getResults') ?? 0) > 0);
    backend.bringBack();
    expect(await waiting).toBe('found');
  });

  test('of the heartbeat and of the look for cancels is told once, and outlived', async () => {
    const backend = new FailingBackend();
    const started = new Gate();
    const { app, work } = await appWith(
      async ({ signal }) => {
        started.open();
        throw await aborted(signal);
      },
      {},
      { backend, worker: { lease: '1s', pollInterval: 10 } },
    );
    const handle = await work.do();
    await started.opened;
    backend.takeDown('renewWorker', 'rescueTasks', 'cancelRequests');
    await handle.cancel();
    const methods = ['renewWorker', 'rescueTasks', 'cancelRequests'] as const;
    await eventually(async () => methods.every((method) => backend.refused.has(method)));
    backend.bringBack();
    await expect(handle.result(patience)).rejects.toThrow(TaskCancelledError);
    const told = app.lines.ofSitq.filter((line) => line.includes('the disk is away'));
    expect(told).toEqual([
      expect.stringMatching(/cannot (renew its lease|look for cancels|look for lost tasks): /),
    ]);
  });

  test('for a single heartbeat is over long before the next one would be due', async () => {
    const backend = new FailingBackend();
    const renew = backend.renewWorker.bind(backend);
    const calls: number[] = [];
    const again = new Gate();
    backend.renewWorker = (...args) => {
      calls.push(performance.now());
      if (calls.length === 2) again.open();
      return renew(...args);
    };
    const lease = 9_000;
    backend.takeDown('renewWorker');
    await startApp([], { backend, worker: { lease } });
    await again.opened;
    backend.bringBack();
    expect(calls[1]! - calls[0]!).toBeLessThan((lease / 3) * 0.9);
  });
});

describe('on a backend of eight methods', () => {
  const worker = { pollInterval: 10 } as const;

  test('tasks run, fail, retry, snooze and keep their order', async () => {
    const order: unknown[] = [];
    const { work, queue, recorder } = await appWith(
      (run, name: never) => {
        order.push(name);
        if (name === 'fails') throw new Error('no luck');
        if (name === 'retries' && run.attempt === 1) throw new Error('once more');
        if (name === 'snoozes' && order.filter((each) => each === name).length === 1) run.snooze(0);
        return name;
      },
      { backoff: 0 },
      { backend: new EightMethodsBackend(), worker: { ...worker, concurrency: 1 } },
    );
    const names = ['plain', 'retries', 'snoozes'];
    const handles = await Promise.all(names.map((name) => work.do(name)));
    const fails = await work.do('fails');
    await recorder.outcomes(fails, 3);
    expect(await Promise.all(handles.map((handle) => handle.result(patience)))).toEqual(names);
    await expect(fails.result(patience)).rejects.toThrow('no luck');
    expect(await queue.getTask(fails.id)).toMatchObject({ status: 'failed', attempt: 3 });
  });

  test('progress and log are not kept, which is said once', async () => {
    const { app, work, queue, recorder } = await appWith(
      (run) => {
        run.progress(50);
        run.log('half');
        return 'done';
      },
      {},
      { backend: new EightMethodsBackend(), worker },
    );
    for (let i = 0; i < 3; i += 1) {
      const handle = await work.do();
      await recorder.outcome(handle);
      expect(await handle.result(patience)).toBe('done');
      expect((await queue.getTask(handle.id))?.progress).toBeNull();
    }
    const said = app.lines.ofSitq.filter((line) => line.includes('JournalingBackend'));
    expect(said).toHaveLength(1);
  });
});

describe('stop() while start() is under way', () => {
  test('leaves nothing behind: no listener, no tick, no claim', async () => {
    const registering = new Gate();
    const registered = new Gate();
    const backend = new TypeOrmBackend({ database: ':memory:' });
    const register = backend.registerWorker.bind(backend);
    backend.registerWorker = async (...args) => {
      registering.open();
      await registered.opened;
      return register(...args);
    };
    const calls: string[] = [];
    backend.onChange = () => {
      calls.push('onChange');
      return () => undefined;
    };
    backend.reserveTask = async () => {
      calls.push('reserveTask');
      return [];
    };
    await backend.open();
    const worker = new Worker({
      backend,
      registry: new HandlerRegistry(),
      logger: new Lines(),
      plugins: [{ name: 'clockwork', tick: () => void calls.push('tick') }],
      options: { pollInterval: 10, shutdownTimeout: 0 },
    });
    const started = worker.start();
    await registering.opened;
    await worker.stop();
    registered.open();
    await started;
    await sleep(50); // five times the poll interval
    await backend.close();
    expect(calls).toEqual([]);
    expect(worker.stats().state).toBe('stopped');
  });
});
