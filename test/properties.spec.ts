import { Injectable } from '@nestjs/common';
import * as fc from 'fast-check';
import {
  ConfigurationError,
  DefaultSerializer,
  HandlerRegistry,
  SerializationError,
  SitqError,
  Task,
  TaskQueue,
  ValidationError,
  Worker,
  type EnqueueOptions,
  type TaskOptions,
} from 'nestjs-sitq';
import { parseDuration } from '../lib/core/duration.js';
import { backoffDelay, parseBackoff } from '../lib/core/retry-policy.js';
import { readSitqOptions } from '../lib/sitq.settings.js';
import {
  anyText as text,
  keptValue as kept,
  primitiveValue as primitive,
} from './app/arbitraries.js';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { shape } from './app/shape.js';
import { Lines } from './app/start-app.js';

/** Containers that hold each other, and themselves, in any way. */
const graph = fc
  .array(
    fc.record({
      kind: fc.constantFrom('object', 'array', 'map', 'set'),
      parts: fc.array(fc.oneof(fc.record({ node: fc.nat() }), primitive), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((plans) => {
    const nodes: unknown[] = plans.map(({ kind }) => {
      if (kind === 'map') return new Map();
      if (kind === 'set') return new Set();
      return kind === 'array' ? [] : {};
    });
    plans.forEach(({ parts }, at) => {
      const node = nodes[at];
      parts.forEach((part, key) => {
        const linked = typeof part === 'object' && part !== null;
        const value = linked ? nodes[part.node % nodes.length] : part;
        if (node instanceof Map) node.set(value, value);
        else if (node instanceof Set) node.add(value);
        else (node as Record<string, unknown>)[key] = value;
      });
    });
    return nodes[0];
  });

describe('DefaultSerializer', () => {
  const serializer = new DefaultSerializer();
  const roundTrip = (value: unknown) => serializer.deserialize(serializer.serialize(value));

  test('gives back what it was given', () => {
    fc.assert(
      fc.property(kept, (value) => {
        expect(shape(roundTrip(value))).toBe(shape(value));
      }),
      { numRuns: 2000 },
    );
  });

  test('keeps cycles and what stands in several places', () => {
    fc.assert(
      fc.property(graph, (value) => {
        expect(shape(roundTrip(value))).toBe(shape(value));
      }),
      { numRuns: 1000 },
    );
  });

  test('keeps plain JSON as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!/-0|__proto__|#/.test(shape(value)));
        expect(serializer.serialize(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test('writes text that every database keeps: no NUL, no lone surrogates', () => {
    fc.assert(
      fc.property(kept, (value) => {
        const written = serializer.serialize(value);
        expect(written).not.toContain('\0');
        expect(Buffer.from(written).toString()).toBe(written);
      }),
    );
  });

  test('refuses a key that would become the prototype, and writes none', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":true}}') as object;
    for (const value of [evil, [evil], { at: new Date(), deep: [new Map([[1, evil]])] }]) {
      expect(() => serializer.serialize(value)).toThrow('__proto__');
    }
    const stored = ['{"__proto__":{"polluted":true}}', '~1[{"__proto__":1},{"polluted":2},true]'];
    for (const written of stored) {
      const read = roughly(() => serializer.deserialize(written)) as { polluted?: boolean };
      expect(read?.polluted).toBeUndefined();
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    }
  });

  test.each<[string, new (memory: ArrayBuffer, at: number, length: number) => ArrayBufferView]>(
    [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
      DataView,
    ].map((View) => [View.name, View]),
  )('keeps the bytes of a view, not the memory behind it: %s', (_, View) => {
    const memory = Uint8Array.from({ length: 64 }, (_byte, i) => 200 - i).buffer;
    const view = new View(memory, 32, 2);
    const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
      Buffer.from(buffer, byteOffset, byteLength);

    const written = serializer.serialize({ view });
    expect(written).not.toContain(Buffer.from(memory).toString('base64'));
    expect(written).not.toContain(Buffer.from(memory, 0, 30).toString('base64'));

    const read = (serializer.deserialize(written) as { view: ArrayBufferView }).view;
    expect(Object.getPrototypeOf(read)).toBe(View.prototype);
    expect(bytesOf(read)).toEqual(bytesOf(view));
    expect(read.buffer.byteLength).toBe(view.byteLength);
  });

  test('keeps the bytes of a Buffer, not those of the pool it is from', () => {
    const secret = Buffer.from('key=secret;data');
    const written = serializer.serialize({ data: secret.subarray(11) });
    expect(written).not.toContain(secret.toString('base64', 0, 9));
    const { data } = serializer.deserialize(written) as { data: Buffer };
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data.toString()).toBe('data');
  });

  test('reads anything at all or refuses it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.json(),
          fc.json().map((json) => `~1${json}`),
        ),
        (written) => {
          try {
            serializer.deserialize(written);
          } catch (error) {
            expect(error).toBeInstanceOf(SerializationError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  /** So many containers in each other. */
  const nested = (depth: number, wrap: (inner: unknown, at: number) => unknown) => {
    let value: unknown = 1;
    for (let at = 0; at < depth; at += 1) value = wrap(value, at);
    return value;
  };
  test.each<[what: string, wrap: (inner: unknown, at: number) => unknown]>([
    ['lists', (inner) => [inner]],
    ['objects', (inner) => ({ inner })],
    ['sets', (inner) => new Set([inner])],
    ['values of maps', (inner) => new Map([[1, inner]])],
    ['keys of maps', (inner) => new Map([[inner, 1]])],
    ['sparse lists', (inner) => Object.assign([], { 1000: inner })],
    ['all of them', (inner, at) => [{ inner }, new Map([[1, inner]]), new Set([inner])][at % 3]],
  ])('reads all that it writes, and no more than 500 deep: %s', (_, wrap) => {
    const deepest = nested(500, wrap);
    expect(serializer.serialize(roundTrip(deepest))).toBe(serializer.serialize(deepest));
    for (const depth of [501, 1500, 100_000]) {
      const refused = () => serializer.serialize(nested(depth, wrap));
      expect(refused).toThrow(SerializationError);
      expect(refused).toThrow('nested more than 500 deep');
    }
  });

  test('counts the way to what stands in several places as it is gone first', () => {
    // A list of nodes is two levels for a reader, and a thousand for who follows the first one.
    const nodes: { next?: object }[] = Array.from({ length: 1000 }, () => ({}));
    nodes.slice(1).forEach((node, at) => (nodes[at]!.next = node));
    expect(() => serializer.serialize(nodes)).toThrow('nested more than 500 deep');
    expect(shape(roundTrip(nodes.toReversed()))).toBe(shape(nodes.toReversed()));
  });
});

describe('a refusal of arguments', () => {
  const queue = new TaskQueue({ backend: new EightMethodsBackend() });
  class Connection {
    readonly open = true;
  }
  const bad = fc.constantFrom(
    () => 1,
    Symbol('bad'),
    new Connection(),
    Promise.resolve(),
    new WeakMap(),
    Connection,
  );
  const step = fc.oneof(
    fc.nat({ max: 3 }).map((index) => ({
      path: `[${index}]`,
      wrap: (value: unknown): unknown => [...Array<number>(index).fill(0), value],
    })),
    fc.stringMatching(/^[a-z][a-zA-Z0-9]{0,5}$/).map((key) => ({
      path: `.${key}`,
      wrap: (value: unknown): unknown => ({ before: new Date(0), [key]: value }),
    })),
  );

  test('names the path of the value', async () => {
    await fc.assert(
      fc.asyncProperty(bad, fc.array(step, { maxLength: 6 }), async (value, steps) => {
        const argument = steps.reduceRight<unknown>((inner, { wrap }) => wrap(inner), value);
        const path = `args[0]${steps.map((each) => each.path).join('')}`;
        const refusal: unknown = await queue.enqueue('x', [argument]).catch((error) => error);
        expect(refusal).toBeInstanceOf(SerializationError);
        expect(refusal).toMatchObject({ path });
        expect((refusal as Error).message).toContain(`${path} cannot be kept`);
      }),
      { numRuns: 300 },
    );
  });
});

/** What the work gives, or undefined when it refuses. */
function roughly(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(SitqError);
    return undefined;
  }
}

const junk = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  key: text,
});

const duration = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  fc
    .tuple(fc.integer({ min: 1, max: 500 }), fc.constantFrom('ms', ' ms', 's', 'm', ' m', 'h'))
    .map(([n, unit]) => `${n}${unit}`),
);
const backoff = fc.oneof(
  fc.constantFrom('fixed', 'exponential'),
  duration,
  fc.record({ type: fc.constant('fixed'), delay: duration }, { requiredKeys: ['type'] }),
  fc.record(
    {
      type: fc.constant('exponential'),
      base: fc.oneof(fc.constant(0), duration),
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      max: fc.oneof(fc.constant(0), duration),
      jitter: fc.constantFrom('full', 'none'),
    },
    { requiredKeys: ['type'] },
  ),
);
const name = fc.stringMatching(/^[\p{L}\p{N}:._ -]{1,200}$/u);
const priority = fc.integer({ min: -32768, max: 32767 });
const attempts = fc.integer({ min: 1, max: 1000 });
const optional = { requiredKeys: [] };

describe('options', () => {
  const backend = new EightMethodsBackend();
  const queue = new TaskQueue({ backend });

  const good = {
    queue: name,
    priority,
    attempts,
    backoff,
    timeout: duration,
    id: fc.uuid(),
    meta: fc.dictionary(text, text, { maxKeys: 32, noNullPrototype: false }),
  };
  const start = fc.oneof(
    fc.record({ eta: fc.date({ noInvalidDate: true }) }, optional),
    fc.record({ delay: fc.oneof(fc.constant(0), duration) }, optional),
  );

  test('of an enqueue are taken when they are good', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(good, optional), start, async (rest, when) => {
        const options = { ...rest, ...when } as EnqueueOptions;
        const { id } = await queue.enqueue('x', [], options);
        const task = (await queue.getTask(id))!;
        expect(task.id).toBe(options.id ?? id);
        expect(task.queue).toBe(options.queue ?? 'default');
        expect(task.priority).toBe(options.priority ?? 0);
        expect(task.maxAttempts).toBe(options.attempts ?? null);
        expect(Object.entries(task.meta)).toEqual(Object.entries(options.meta ?? {}));
        const from = options.eta?.getTime() ?? task.createdAt.getTime();
        expect(task.eta.getTime()).toBe(from + (parseDuration(options.delay) ?? 0));
        const { timeout } = (await backend.getTask(id))!;
        expect(timeout).toBe(parseDuration(options.timeout) ?? null);
      }),
      { numRuns: 500 },
    );
  });

  const anything = Object.fromEntries(
    [...Object.keys(good), 'eta', 'delay', 'dely'].map((key) => [key, junk]),
  );

  test('of an enqueue are refused when they are junk, and nothing else happens', async () => {
    const call = fc.oneof(junk, fc.record({ ...anything, ...good }, optional), fc.record(anything));
    await fc.assert(
      fc.asyncProperty(call, async (options) => {
        try {
          const { id } = await queue.enqueue('x', [], options as EnqueueOptions);
          expect((await queue.getTask(id))!.eta.getTime()).not.toBeNaN();
        } catch (error) {
          expect(error).toBeInstanceOf(ValidationError);
          expect((error as ValidationError).message.length).toBeLessThan(500);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('of calls are refused when they are junk, and nothing else happens', async () => {
    const calls: ((input: unknown, other: unknown) => unknown)[] = [
      (input, other) => queue.enqueue(input as string, other as unknown[]),
      (input, other) => queue.enqueueMany('x', input as [], other as object),
      (input) => queue.getResult('nobody', { timeout: input as number }),
      (input) => queue.for(input as typeof Lines),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), junk, junk, async (call, input, other) => {
        try {
          await call(input, other);
        } catch (error) {
          expect(error).toBeInstanceOf(SitqError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  const taskOptions = {
    name,
    queue: name,
    attempts,
    backoff: fc.oneof(
      backoff,
      fc.constant(() => 5),
    ),
    timeout: duration,
    priority,
    concurrency: fc.integer({ min: 1, max: 10_000 }),
    retryIf: fc.constant(() => true),
  };

  /** What happens when a method has these options and is enqueued. */
  function enqueueHandlerWith(options: unknown): Promise<{ id: string }> {
    @Injectable()
    class Handlers {
      @Task(options as TaskOptions)
      run(): void {}
    }
    return queue.for(Handlers).run();
  }

  test('of @Task() are taken when they are good', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(taskOptions, optional), async (options) => {
        const { id } = await enqueueHandlerWith(options);
        expect(await queue.getTask(id)).toMatchObject({
          name: options.name ?? 'Handlers.run',
          queue: options.queue ?? 'default',
          priority: options.priority ?? 0,
        });
      }),
    );
  });

  test('of @Task() are refused when they are junk, and nothing else happens', async () => {
    const junky = Object.fromEntries(Object.keys(taskOptions).map((key) => [key, junk]));
    const some = fc.oneof(junk, fc.record(junky, optional));
    await fc.assert(
      fc.asyncProperty(some, async (options) => {
        fc.pre(options !== undefined);
        try {
          await enqueueHandlerWith(options);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
          expect((error as Error).message).toContain('@Task() on Handlers.run');
        }
      }),
      { numRuns: 500 },
    );
  });

  const workerOptions = {
    queues: fc.array(name, { minLength: 1, maxLength: 3 }),
    concurrency: fc.integer({ min: 1, max: 10_000 }),
    pollInterval: fc.integer({ min: 10, max: 2 ** 31 - 1 }),
    shutdownTimeout: fc.nat(),
    lease: fc.integer({ min: 1000, max: 2 ** 31 - 1 }),
    timeoutGrace: fc.nat(),
  };
  const newWorker = (options: object) =>
    new Worker({ backend, registry: new HandlerRegistry(), logger: new Lines(), options });

  test('of a worker are taken when they are good', () => {
    fc.assert(
      fc.property(fc.record(workerOptions, optional), (options) => {
        expect(newWorker(options).stats().state).toBe('created');
      }),
    );
  });

  test('of a worker are refused when they are junk, and nothing else happens', () => {
    const junky = Object.fromEntries(Object.keys(workerOptions).map((key) => [key, junk]));
    fc.assert(
      fc.property(fc.oneof(junk, fc.record(junky, optional)), (options) => {
        fc.pre(options !== undefined && options !== null);
        try {
          newWorker(options as object);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
          expect((error as ConfigurationError).option).toMatch(/^worker\b/);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('of forRoot are refused when they are junk, and nothing else happens', () => {
    const keys = [
      'retention',
      'database',
      'durability',
      'migrate',
      'worker',
      'serializer',
      'plugins',
      'backend',
    ];
    const junky = fc.record(Object.fromEntries(keys.map((key) => [key, junk])), optional);
    fc.assert(
      fc.property(fc.oneof(junk, junky), (options) => {
        try {
          readSitqOptions(options);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
          expect((error as ConfigurationError).option).toBeDefined();
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a backoff', () => {
  const attempt = fc.integer({ min: 1, max: 1000 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test('is a whole number of ms, never more than its ceiling', () => {
    fc.assert(
      fc.property(backoff, attempt, random, (given, nth, draw) => {
        const plan = parseBackoff(given)!;
        const delay = backoffDelay(plan, nth, () => draw);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(plan.type === 'fixed' ? plan.delay : plan.max);
      }),
      { numRuns: 1000 },
    );
  });

  test('without jitter never shrinks, and full jitter draws from all below it', () => {
    fc.assert(
      fc.property(backoff, attempt, random, (given, nth, draw) => {
        const plan = parseBackoff(given)!;
        fc.pre(plan.type === 'exponential');
        const steady = { ...plan, jitter: 'none' } as const;
        const delay = backoffDelay(steady, nth, () => draw);
        expect(backoffDelay(steady, nth + 1, () => draw)).toBeGreaterThanOrEqual(delay);
        const drawn = backoffDelay({ ...plan, jitter: 'full' }, nth, () => draw);
        expect(drawn).toBeCloseTo(delay * draw, -1);
      }),
    );
  });

  test('by default is at most a second, then two, then four, up to an hour', () => {
    const plan = parseBackoff('exponential')!;
    const longest = (nth: number) => backoffDelay(plan, nth, () => 1 - Number.EPSILON);
    expect([1, 2, 3, 4, 12, 13, 1000].map(longest)).toEqual([
      1000, 2000, 4000, 8000, 2_048_000, 3_600_000, 3_600_000,
    ]);
  });

  test('survives being stored', () => {
    fc.assert(
      fc.property(backoff, (given) => {
        const plan = parseBackoff(given);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
        expect(parseBackoff(plan)).toEqual(plan);
      }),
    );
  });
});
