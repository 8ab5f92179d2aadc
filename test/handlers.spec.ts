import { Injectable, Module, type Provider } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  ConfigurationError,
  HandlerRegistry,
  SitqModule,
  Task,
  TaskQueue,
  ValidationError,
} from 'nestjs-sitq';
import { NameWatch } from '../lib/queue/name-watch.js';
import { eventually } from './app/eventually.js';
import { Lines, startApp, type TestApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

const SOON = { timeout: '20s' } as const;

/** What is asked for, without a handler of its own. */
abstract class Mailer {
  abstract send(to: string): Promise<string>;
}

/** What is asked for, with one. */
@Injectable()
class MailTasks {
  @Task({ queue: 'mail' })
  async send(to: string): Promise<string> {
    return `mail to ${to}`;
  }
}

@Injectable()
class SmtpMailer implements Mailer {
  @Task()
  async send(to: string): Promise<string> {
    return `smtp to ${to}`;
  }
}

@Injectable()
class SmtpMailTasks extends MailTasks {
  override async send(to: string): Promise<string> {
    return `smtp to ${to}`;
  }
}

const names = async ({ queue }: TestApp) => (await queue.workers())[0]?.handlers.toSorted();

describe('a class behind another token', () => {
  test.each<[string, Provider]>([
    ['a class that extends it', { provide: MailTasks, useClass: SmtpMailTasks }],
    ['a class that is like it', { provide: MailTasks, useClass: SmtpMailer }],
    [
      'an object',
      { provide: MailTasks, useValue: { send: async (to: string) => `smtp to ${to}` } },
    ],
    ['what a factory makes', { provide: MailTasks, useFactory: () => new SmtpMailTasks() }],
    ['a proxy', { provide: MailTasks, useFactory: () => new Proxy(new SmtpMailTasks(), {}) }],
  ])('runs under the name of what is asked for: %s', async (_, provider) => {
    const app = await startApp([provider]);
    const task = await app.queue.for(MailTasks).send('Ann');
    expect(await task.result(SOON)).toBe('smtp to Ann');
    expect(await app.queue.getTask(task.id)).toMatchObject({
      name: 'MailTasks.send',
      queue: 'mail',
    });
    const byName = await app.queue.enqueue('MailTasks.send', ['Bob']);
    expect(await byName.result(SOON)).toBe('smtp to Bob');
    expect(await names(app)).toEqual(['MailTasks.send']);
  });

  test('is found by the class that runs, too', async () => {
    const { queue } = await startApp([{ provide: MailTasks, useClass: SmtpMailTasks }]);
    const task = await queue.for(SmtpMailTasks).send('Ann');
    expect(await task.result(SOON)).toBe('smtp to Ann');
  });

  test.each<[string, Provider[]]>([
    ['useClass', [{ provide: Mailer, useClass: SmtpMailer }]],
    ['useExisting', [SmtpMailer, { provide: Mailer, useExisting: SmtpMailer }]],
    ['useFactory', [{ provide: Mailer, useFactory: () => new SmtpMailer() }]],
  ])('has its own name where the token has no handler: %s', async (_, providers) => {
    const app = await startApp(providers);
    const task = await app.queue.for(Mailer).send('Ann');
    expect(await task.result(SOON)).toBe('smtp to Ann');
    expect(await names(app)).toEqual(['SmtpMailer.send']);
  });

  test('may be another name of an instance', async () => {
    const app = await startApp([
      SmtpMailer,
      { provide: MailTasks, useExisting: SmtpMailer },
      { provide: 'mailer', useExisting: SmtpMailer },
    ]);
    expect(await names(app)).toEqual(['MailTasks.send', 'SmtpMailer.send']);
    for (const handlers of [MailTasks, SmtpMailer]) {
      expect(await (await app.queue.for(handlers).send('Ann')).result(SOON)).toBe('smtp to Ann');
    }
  });

  test('under a token that is text has its own name', async () => {
    const app = await startApp([{ provide: 'mailer', useClass: SmtpMailer }]);
    expect(await (await app.queue.for(SmtpMailer).send('Ann')).result(SOON)).toBe('smtp to Ann');
  });

  test('keeps what its own @Task() says', async () => {
    class SlowMailTasks extends MailTasks {
      @Task({ attempts: 1, queue: 'slow' })
      override async send(): Promise<string> {
        throw new Error('too slow');
      }
    }
    const { queue } = await startApp([{ provide: MailTasks, useClass: SlowMailTasks }]);
    const task = await queue.for(MailTasks).send('Ann');
    await expect(task.result(SOON)).rejects.toThrow('too slow');
    expect(await queue.getTask(task.id)).toMatchObject({ queue: 'slow', attempt: 1 });
  });

  test('is refused where both have names that differ', async () => {
    class NamedMailTasks extends MailTasks {
      @Task({ name: 'mail.send' })
      override async send(): Promise<string> {
        return '';
      }
    }
    await expect(startApp([{ provide: MailTasks, useClass: NamedMailTasks }])).rejects.toThrow(
      /NamedMailTasks\.send: its name is 'mail\.send', but it is provided as MailTasks/,
    );
  });

  test('is refused where two stand in for the same one', async () => {
    @Module({ providers: [{ provide: MailTasks, useClass: SmtpMailer }] })
    class OtherModule {}
    const boot = startApp(
      [{ provide: MailTasks, useClass: SmtpMailTasks }],
      {},
      { imports: [OtherModule] },
    );
    await expect(boot).rejects.toThrow(/taken twice: .*\(SmtpMail\w+\) and by .*\(SmtpMail\w+\)/);
  });

  test('that lacks the method is told of', async () => {
    const { lines, queue } = await startApp([{ provide: MailTasks, useValue: {} }]);
    expect(lines.ofSitq).toContainEqual(
      expect.stringMatching(
        /^warn @Task\(\) on MailTasks\.send: what is provided as MailTasks has no/,
      ),
    );
    const { id } = await queue.for(MailTasks).send('Ann');
    expect(await queue.explain(id)).toMatchObject({ reason: 'no-worker', missing: 'handler' });
  });

  test.each([
    ['a class', (it: Overriding) => it.useClass(SmtpMailer)],
    ['an object', (it: Overriding) => it.useValue({ send: async () => 'smtp to Ann' })],
    ['a factory', (it: Overriding) => it.useFactory({ factory: () => new SmtpMailTasks() })],
  ])('is what a test overrides it with: %s', async (_, override) => {
    const metadata = {
      imports: [SitqModule.forRoot({ database: ':memory:' })],
      providers: [MailTasks],
    };
    const builder = Test.createTestingModule(metadata).setLogger(new Lines());
    const module = await override(builder.overrideProvider(MailTasks)).compile();
    await module.init();
    const task = await module.get(TaskQueue).for(MailTasks).send('Ann');
    expect(await task.result(SOON)).toBe('smtp to Ann');
    await module.close();
  });
});

type Overriding = ReturnType<ReturnType<typeof Test.createTestingModule>['overrideProvider']>;

/** As many decorators do: logging, tracing, caching. */
const wrapping: MethodDecorator = (_target, _property, descriptor: PropertyDescriptor) => {
  const inner = descriptor.value as (...args: unknown[]) => Promise<unknown>;
  descriptor.value = async function (this: unknown, ...args: unknown[]) {
    return `wrapped ${String(await inner.apply(this, args))}`;
  };
};

/** As those that bind a method to its instance do. */
const binding: MethodDecorator = (_target, _property, { value }: PropertyDescriptor) =>
  ({
    get(this: object) {
      return (value as () => unknown).bind(this);
    },
  }) as never;

describe('another decorator beside @Task()', () => {
  @Injectable()
  class DecoratedTasks {
    private readonly name = 'task';

    @wrapping
    @Task({ queue: 'above' })
    async above(): Promise<string> {
      return this.name;
    }

    @Task({ queue: 'below' })
    @wrapping
    async below(): Promise<string> {
      return this.name;
    }

    @binding
    @Task({ queue: 'bound' })
    async bound(): Promise<string> {
      return this.name;
    }
  }

  test.each([
    ['above', 'wrapped task'],
    ['below', 'wrapped task'],
    ['bound', 'task'],
  ] as const)('that replaces the method: %s', async (method, result) => {
    const { queue } = await startApp([DecoratedTasks]);
    const task = await queue.for(DecoratedTasks)[method]();
    expect(await task.result(SOON)).toBe(result);
    expect(await queue.getTask(task.id)).toMatchObject({ queue: method });
  });
});

describe('@Task() is refused', () => {
  const method = { value: () => undefined };
  const symbol = Symbol('send');
  class Letters {
    readonly box = 'empty';
  }

  test.each<[string, () => void, RegExp]>([
    [
      'twice on one method',
      () => {
        class Twice {
          @Task({ name: 'one' })
          @Task({ name: 'two' })
          send(): void {}
        }
        return Twice;
      },
      /@Task\(\) on Twice\.send: it stands there twice/,
    ],
    [
      'on a method whose name is a symbol',
      () => Task()(Letters.prototype, symbol, method),
      /Letters\.Symbol\(send\): its name is a symbol/,
    ],
    ['on a static method', () => Task()(Letters, 'send', method), /neither static nor an accessor/],
    [
      'on an arrow function in a property',
      () => Task()(Letters.prototype, 'send', undefined as never),
      /neither static nor an accessor or a property/,
    ],
    [
      'on a getter',
      () => Task()(Letters.prototype, 'send', { get: () => method.value }),
      /neither static nor an accessor/,
    ],
    [
      'as a standard decorator',
      () => Task()(method.value, { kind: 'method', name: 'send' } as never, undefined as never),
      /"experimentalDecorators"/,
    ],
  ])('%s', (_, mark, message) => {
    expect(mark).toThrow(ConfigurationError);
    expect(mark).toThrow(message);
  });
});

describe('inherited handlers', () => {
  abstract class ReportTasks {
    abstract readonly kind: string;

    @Task({ queue: 'reports' })
    async render(): Promise<string> {
      return this.kind;
    }

    @Task()
    async mail(): Promise<string> {
      return `mail ${this.kind}`;
    }
  }

  @Injectable()
  class SalesTasks extends ReportTasks {
    readonly kind = 'sales';
  }

  @Injectable()
  class StockTasks extends ReportTasks {
    readonly kind = 'stock';

    override async mail(): Promise<string> {
      return 'not a handler any more';
    }
  }

  test('are each subclass its own', async () => {
    const app = await startApp([SalesTasks, StockTasks]);
    expect(await (await app.queue.for(SalesTasks).render()).result(SOON)).toBe('sales');
    expect(await (await app.queue.for(StockTasks).render()).result(SOON)).toBe('stock');
    expect(await names(app)).toEqual(['SalesTasks.mail', 'SalesTasks.render', 'StockTasks.render']);
    await expect(app.queue.for(StockTasks).mail()).rejects.toThrow(ValidationError);
  });

  test('are not those of the base class, which explain tells', async () => {
    const { queue } = await startApp([SalesTasks, StockTasks]);
    const { id } = await queue.for(ReportTasks).render();
    const why = await queue.explain(id);
    expect(why).toMatchObject({ reason: 'no-worker', missing: 'handler' });
    expect(why.text).toMatch(/'S\w+Tasks\.render'/);
  });
});

test('a module that is loaded lazily is told of', async () => {
  @Injectable()
  class LazyTasks {
    @Task()
    async run(): Promise<void> {}
  }
  @Module({ providers: [LazyTasks] })
  class LazyModule {}
  const { lines, module } = await startApp([MailTasks], { worker: { pollInterval: 20 } });
  await module.get(LazyModuleLoader).load(() => LazyModule);
  await eventually(async () => lines.ofSitq.some((line) => line.startsWith('warn')));
  const warnings = lines.ofSitq.filter((line) => line.startsWith('warn'));
  expect(warnings).toEqual([
    expect.stringMatching(
      /LazyTasks\.run: its module was loaded after the application had started/,
    ),
  ]);
});

describe('a name that a bundler has made up', () => {
  /** A class under another name, as in a bundle. */
  function renamed(name: string, options?: { name: string }) {
    const Bundled = {
      [name]: class {
        readonly box = 'empty';
      },
    }[name]!;
    const send = async (): Promise<string> => 'sent';
    const descriptor = { value: send, configurable: true, writable: true };
    Object.defineProperty(Bundled.prototype, 'send', descriptor);
    Task(options)(Bundled.prototype, 'send', descriptor);
    Injectable()(Bundled);
    return Bundled as unknown as new () => { send(): Promise<string> };
  }

  test.each(['r', 'Zt', '', 'aBc', '$x1'])("is refused at boot: '%s'", async (name) => {
    const boot = startApp([renamed(name)]);
    await expect(boot).rejects.toThrow(ConfigurationError);
    await expect(boot).rejects.toThrow(/@Task\(\{ name: 'MailTasks\.send' \}\)/);
  });

  test.each(['r', ''])("is refused at enqueue: '%s'", async (name) => {
    const { queue } = await startApp([], { worker: false });
    await expect(queue.for(renamed(name)).send()).rejects.toThrow(/bundlers and minifiers/);
  });

  test.each(['_MailTasks', 'MailTasks2'])('is warned of where it may be one: %s', async (name) => {
    const { lines } = await startApp([renamed(name)]);
    expect(lines.ofSitq).toContainEqual(
      expect.stringContaining(`'${name}.send' looks like one that a bundler has changed`),
    );
  });

  test.each([
    ['r', { name: 'MailTasks.send' }],
    ['MailTasks2', { name: 'MailTasks2.send' }],
    ['Pdf', undefined],
    ['FAQ', undefined],
  ])('does not matter otherwise: %s %o', async (name, options) => {
    const { lines, queue } = await startApp([renamed(name, options)]);
    const task = await queue.for(renamed(name, options)).send();
    expect(await task.result(SOON)).toBe('sent');
    expect(lines.ofSitq.filter((line) => line.startsWith('warn'))).toEqual([]);
  });
});

describe('a name that no live worker has', () => {
  const warnings = ({ lines }: TestApp) =>
    lines.ofSitq.filter((line) => line.startsWith('warn Tasks named'));

  test('is told of once, beside the enqueue', async () => {
    const app = await startApp([MailTasks]);
    for (let i = 0; i < 3; i += 1) await app.queue.enqueue('MailTask.send', ['Ann']);
    await app.queue.enqueueMany('Billing.run', [[], []]);
    await app.queue.for(MailTasks).send('Ann');
    await eventually(async () => warnings(app).length === 2);
    await app.queue.enqueue('MailTask.send', ['Ann']);
    expect(warnings(app)).toEqual([
      expect.stringMatching(/'MailTask\.send' are enqueued here, .* Is 'MailTasks\.send' meant\?/),
      expect.stringMatching(
        /'Billing\.run' are enqueued here, .* does the process run that has it/,
      ),
    ]);
  });

  test('may be one that the own process has, which runs nothing', async () => {
    const database = tempFile();
    await startApp([SmtpMailer], { database });
    const api = await startApp([MailTasks, SmtpMailer], { database, worker: false });
    const { lines, watch } = watching(api);
    for (const name of ['SmtpMailer.send', 'MailTasks.send']) watch.note(name);
    await eventually(async () => lines.all.length > 0);
    expect(lines.all).toEqual([
      expect.stringMatching(/'MailTasks\.send' are .* 'SmtpMailer\.send'/),
    ]);
    watch.close();
  });

  test('is looked for as long as there is no worker', async () => {
    const database = tempFile();
    const { lines, watch } = watching(await startApp([], { database, worker: false }));
    watch.note('Billing.run');
    await startApp([MailTasks], { database });
    await eventually(async () => lines.all.length > 0);
    expect(lines.all).toEqual([expect.stringContaining("Tasks named 'Billing.run'")]);
    watch.close();
  });

  /** One without the patience for a boot. */
  function watching({ module, queue }: TestApp) {
    const lines = new Lines();
    return { lines, watch: new NameWatch(queue.backend, module.get(HandlerRegistry), lines, 0, 1) };
  }
});
