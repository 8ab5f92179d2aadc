import { Controller, Inject, Injectable, Module, Scope } from '@nestjs/common';
import {
  Backend,
  ConfigurationError,
  SitqModule,
  Task,
  TaskContext,
  TaskQueue,
  TypeOrmBackend,
  type SitqOptions,
} from 'nestjs-sitq';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, startModule } from './app/start-app.js';
import { tempDirectory, tempFile } from './app/temp-file.js';

@Injectable()
class Sums {
  @Task()
  add(a: number, b: number): number {
    return a + b;
  }
}

const patience = { timeout: '50s' } as const;

describe('forRoot', () => {
  test('needs no options: a private file in the working directory', async () => {
    const before = { directory: process.cwd(), umask: process.umask(0) };
    const directory = tempDirectory();
    process.chdir(directory);
    try {
      const { queue } = await startModule({ imports: [SitqModule.forRoot()], providers: [Sums] });
      const handle = await queue.for(Sums).add(1, 2);
      expect(await handle.result(patience)).toBe(3);
      for (const file of ['', '-wal', '-shm', '-doorbell']) {
        const { mode } = statSync(join(directory, `sitq.sqlite${file}`));
        expect([file, (mode & 0o777).toString(8)]).toEqual([file, '600']);
      }
    } finally {
      process.chdir(before.directory);
      process.umask(before.umask);
    }
  });

  test('makes the directory of the database', async () => {
    const database = join(tempDirectory(), 'deep', 'er', 'tasks.sqlite');
    await startApp([Sums], { database });
    expect(existsSync(database)).toBe(true);
  });

  test('says when the database cannot be a file', async () => {
    const database = tempDirectory();
    await expect(startApp([], { database })).rejects.toThrow(
      /cannot be opened for writing.*Give a writable path/s,
    );
  });

  test('lets other modules inject without importing it', async () => {
    @Injectable()
    class SignUp {
      constructor(
        readonly queue: TaskQueue,
        readonly run: TaskContext,
        readonly backend: Backend,
      ) {}
    }

    @Module({ providers: [SignUp, Sums] })
    class SignUpModule {}

    @Module({ imports: [SignUpModule, SitqModule.forRoot({ database: ':memory:' })] })
    class AppModule {}

    const { module } = await startModule({ imports: [AppModule] });
    const { queue, run, backend } = module.get(SignUp, { strict: false });
    expect(run.active).toBe(false);
    expect(backend).toBeInstanceOf(TypeOrmBackend);
    expect(queue.backend).toBe(backend);
    const handle = await queue.for(Sums).add(20, 3);
    expect(await handle.result(patience)).toBe(23);
  });

  test('takes a backend of your own and opens and closes it', async () => {
    const backend = new TypeOrmBackend({ database: ':memory:' });
    const app = await startApp([Sums], { backend, database: undefined });
    expect(app.queue.backend).toBe(backend);
    const handle = await app.queue.for(Sums).add(1, 1);
    expect(await handle.result(patience)).toBe(2);
    await app.close();
    await expect(backend.counts()).rejects.toThrow('closed');
  });

  test('without a worker only enqueues', async () => {
    const database = tempFile();
    const { queue, worker, lines } = await startApp([Sums], { database, worker: false });
    const handle = await queue.for(Sums).add(4, 5);
    expect(worker.stats()).toBeNull();
    expect(lines.ofSitq).toEqual([
      `log Tasks are in ${database} [Sitq]`,
      'log This process only enqueues (worker: false); its 1 handler(s) are not run here. [Sitq]',
    ]);
    expect(await handle.status()).toBe('queued');
    await startApp([Sums], { database });
    expect(await handle.result(patience)).toBe(9);
  });
});

describe('forRootAsync', () => {
  const FILE = Symbol('file');

  @Module({ providers: [{ provide: FILE, useFactory: () => tempFile() }], exports: [FILE] })
  class FilesModule {}

  @Injectable()
  class Options {
    constructor(@Inject(FILE) private readonly database: string) {}

    createSitqOptions(): SitqOptions {
      return { database: this.database, worker: { concurrency: 2 } };
    }
  }

  @Module({ imports: [FilesModule], providers: [Options], exports: [Options] })
  class OptionsModule {}

  test.each<[string, Parameters<typeof SitqModule.forRootAsync>[0]]>([
    [
      'useFactory with inject and imports',
      {
        imports: [FilesModule],
        inject: [FILE],
        useFactory: async (database: string) => ({ database }),
      },
    ],
    ['useClass', { imports: [FilesModule], useClass: Options }],
    ['useExisting', { imports: [OptionsModule], useExisting: Options }],
  ])('reads options from %s', async (_, options) => {
    const imports = [FilesModule, SitqModule.forRootAsync(options)];
    const { module, queue } = await startModule({ imports, providers: [Sums] });
    const { database } = queue.backend as TypeOrmBackend;
    expect(database).toBe(module.get(FILE, { strict: false }));
    const handle = await queue.for(Sums).add(3, 4);
    expect(await handle.result(patience)).toBe(7);
  });

  test('refuses bad options from a factory as forRoot does', async () => {
    const useFactory = () => ({ database: 5 }) as unknown as SitqOptions;
    const starting = startModule({ imports: [SitqModule.forRootAsync({ useFactory })] });
    await expect(starting).rejects.toThrow(ConfigurationError);
  });
});

describe('a bad option', () => {
  const anObject = { valueOf: () => 1 };

  test.each<[options: unknown, option: string, shown: string, remedy: string]>([
    [{ databse: 'x' }, 'databse', `'x'`, 'Known are: worker, plugins, backend'],
    [{ database: '' }, 'database', `''`, `the path of a file, or ':memory:'`],
    [{ database: 5 }, 'database', '5', `the path of a file, or ':memory:'`],
    [{ durability: 'some' }, 'durability', `'some'`, `one of 'full', 'relaxed'`],
    [{ migrate: 'no' }, 'migrate', `'no'`, 'true or false'],
    [{ worker: true }, 'worker', 'true', 'false, or an object of worker options'],
    [{ worker: null }, 'worker', 'null', 'false, or an object of worker options'],
    [{ serializer: {} }, 'serializer', '{}', 'an object with serialize(value) and deserialize'],
    [{ plugins: {} }, 'plugins', '{}', 'a list of plugins, each with a name'],
    [{ plugins: [{}] }, 'plugins', '[{}]', 'a list of plugins, each with a name'],
    [{ backend: anObject }, 'backend', '{}', 'an instance of a class that extends Backend'],
    [{ retention: 'long' }, 'retention', `'long'`, 'a duration'],
    [{ retention: { complete: '1d' } }, 'retention', '{"complete":"1d"}', 'a duration'],
    [{ worker: { concurency: 1 } }, 'worker.concurency', '1', 'Known are: queues, concurrency'],
    [{ worker: { concurrency: 0 } }, 'worker.concurrency', '0', 'a whole number from 1 to 10000'],
    [{ worker: { concurrency: 1.5 } }, 'worker.concurrency', '1.5', 'a whole number from 1'],
    [{ worker: { queues: [] } }, 'worker.queues', '[]', 'a list of one or more names'],
    [{ worker: { queues: 'mail' } }, 'worker.queues', `'mail'`, 'a list of one or more names'],
    [{ worker: { queues: [5] } }, 'worker.queues', '[5]', 'a list of one or more names'],
    [{ worker: { pollInterval: 0 } }, 'worker.pollInterval', '0', 'milliseconds from 10'],
    [{ worker: { pollInterval: '1 day' } }, 'worker.pollInterval', `'1 day'`, `such as '30s'`],
    [{ worker: { lease: 999 } }, 'worker.lease', '999', 'milliseconds from 1000'],
    [{ worker: { shutdownTimeout: -1 } }, 'worker.shutdownTimeout', '-1', 'milliseconds from 0'],
    [{ worker: { timeoutGrace: NaN } }, 'worker.timeoutGrace', 'NaN', 'milliseconds from 0'],
    [{ worker: { lease: '60d' } }, 'worker.lease', `'60d'`, 'to 2147483647'],
  ])('%j is refused at boot', async (options, option, shown, remedy) => {
    const refusal: unknown = await startModule({
      imports: [SitqModule.forRoot(options as SitqOptions)],
    }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(ConfigurationError);
    const { message, ...fields } = refusal as ConfigurationError;
    expect(fields).toMatchObject({ option, code: 'SITQ_CONFIGURATION' });
    expect(message).toContain(option.replace('worker.', ''));
    expect(message).toContain(shown);
    expect(message).toContain(remedy);
  });

  test.each(['options', null, [], 5])('%j is not taken for options', async (options) => {
    const imports = [SitqModule.forRoot(options as SitqOptions)];
    await expect(startModule({ imports })).rejects.toThrow(/Give an object|got/);
  });

  test.each([{ database: ':memory:' }, { durability: 'full' }, { migrate: false }] as const)(
    '%j belongs to the backend when one is given',
    async (option) => {
      const backend = new TypeOrmBackend({ database: ':memory:' });
      const imports = [SitqModule.forRoot({ backend, ...option })];
      await expect(startModule({ imports })).rejects.toThrow(/but a backend was given too/);
    },
  );
});

describe('a handler', () => {
  test('may be on a controller', async () => {
    @Controller()
    class Pages {
      @Task()
      render(page: string): string {
        return `<p>${page}</p>`;
      }
    }
    const { queue } = await startApp([], {}, { controllers: [Pages] });
    const handle = await queue.for(Pages).render('hello');
    expect(await handle.result(patience)).toBe('<p>hello</p>');
  });

  test('may be on what a factory or a value provides', async () => {
    class Greeter {
      constructor(private readonly greeting: string) {}
      @Task()
      greet(name: string): string {
        return `${this.greeting} ${name}`;
      }
    }
    class Parter extends Greeter {}
    class Shouter extends Greeter {}
    const { queue } = await startApp([
      { provide: Greeter, useFactory: () => new Greeter('hello') },
      { provide: 'part', useValue: new Parter('bye') },
      { provide: 'shout', useValue: new Shouter('HEY') },
      { provide: 'alias', useExisting: Greeter },
    ]);
    const handles = await Promise.all([
      queue.for(Greeter).greet('Ann'),
      queue.for(Parter).greet('Ann'),
      queue.for(Shouter).greet('Ann'),
    ]);
    const greetings = await Promise.all(handles.map((handle) => handle.result(patience)));
    expect(greetings).toEqual(['hello Ann', 'bye Ann', 'HEY Ann']);
  });

  test('may be inherited, and is named after each class', async () => {
    abstract class Importer {
      abstract readonly source: string;
      @Task()
      fetch(page: number): string {
        return `${this.source}/${page}`;
      }
      @Task()
      clean(): string {
        return `clean ${this.source}`;
      }
    }
    @Injectable()
    class Papers extends Importer {
      readonly source = 'papers';
    }
    @Injectable()
    class Books extends Importer {
      readonly source = 'books';
      override clean(): string {
        return 'no handler any more';
      }
    }
    const { queue } = await startApp([Papers, Books]);
    const papers = await queue.for(Papers).fetch(1);
    const books = await queue.enqueue('Books.fetch', [2]);
    expect(await papers.result(patience)).toBe('papers/1');
    expect(await books.result(patience)).toBe('books/2');
    expect((await queue.getTask(papers.id))?.name).toBe('Papers.fetch');
    await expect(queue.for(Books).clean()).rejects.toThrow('Books.clean is not a handler');
  });

  test('of a class in two modules runs on the instance of the first', async () => {
    const instances: Shared[] = [];
    @Injectable()
    class Shared {
      readonly nth = instances.push(this);
      @Task()
      which(): number {
        return this.nth;
      }
    }
    @Module({ providers: [Shared] })
    class OneModule {}
    @Module({ providers: [Shared] })
    class OtherModule {}
    const { queue, lines } = await startApp([], {}, { imports: [OneModule, OtherModule] });
    expect(instances).toHaveLength(2);
    expect(lines.ofSitq).toContain(
      'warn Shared.which is provided by several modules (OneModule, OtherModule); tasks run on ' +
        'the instance of the first. [Sitq]',
    );
    const handles = await Promise.all([queue.for(Shared).which(), queue.for(Shared).which()]);
    const ran = await Promise.all(handles.map((handle) => handle.result(patience)));
    expect(new Set(ran).size).toBe(1);
  });

  test('of a module imported twice is one handler', async () => {
    @Module({ providers: [Sums], exports: [Sums] })
    class SumsModule {}
    @Module({ imports: [SumsModule] })
    class OneModule {}
    @Module({ imports: [SumsModule] })
    class OtherModule {}
    const { lines } = await startApp([], {}, { imports: [OneModule, OtherModule] });
    expect(lines.ofSitq).toEqual([
      'log Tasks are in :memory: [Sitq]',
      expect.stringContaining('runs 1 handler(s)'),
    ]);
  });

  test('can be called directly, outside of a task', async () => {
    @Injectable()
    class Reports {
      constructor(private readonly run: TaskContext) {}
      @Task()
      build(): unknown[] {
        const { active, attempt, lastAttempt, signal } = this.run;
        this.run.progress(50);
        this.run.log('half');
        return [active, attempt, lastAttempt, signal.aborted];
      }
      @Task()
      whoAmI(): string {
        return this.run.task.id;
      }
      @Task()
      later(): void {
        this.run.snooze('1m');
      }
    }
    const reports = new Reports(new TaskContext());
    expect(reports.build()).toEqual([false, 1, false, false]);
    expect(() => reports.whoAmI()).toThrow('TaskContext.task was read outside a task');
    expect(() => reports.later()).toThrow('Snoozed for 60000 ms');
  });
});

describe('a wrong handler stops the boot', () => {
  function refusal(...handlers: Parameters<typeof startApp>[0]): Promise<ConfigurationError> {
    return startApp(handlers).then(
      () => Promise.reject(new Error('the application started')),
      (error: ConfigurationError) => error,
    );
  }

  test('two handlers of one name', async () => {
    @Injectable()
    class Mail {
      @Task({ name: 'send' })
      welcome(): void {}
      @Task({ name: 'send' })
      goodbye(): void {}
    }
    expect(await refusal(Mail)).toMatchObject({
      name: 'ConfigurationError',
      option: 'name',
      value: 'send',
      message:
        `The task name 'send' is taken twice: by Mail.welcome and by Mail.goodbye. ` +
        `Give one of them another name: @Task({ name: '...' }).`,
    });
  });

  test.each<[option: string, options: object, shown: string, remedy: string]>([
    ['retries', { retries: 3 }, '3', 'Known are: name, queue, attempts, backoff, timeout'],
    ['name', { name: '' }, `''`, 'a string of 1 to 200 characters'],
    ['name', { name: 'x'.repeat(201) }, `'xxx`, 'a string of 1 to 200 characters'],
    ['queue', { queue: 'a\nb' }, `'a\\u000ab'`, 'without control characters'],
    ['attempts', { attempts: 0 }, '0', 'a whole number from 1 to 1000'],
    ['attempts', { attempts: '3' }, `'3'`, 'a whole number from 1 to 1000'],
    ['backoff', { backoff: 'linear' }, `'linear'`, `'fixed', 'exponential', a duration`],
    ['backoff', { backoff: { type: 'fixed', dely: 1 } }, '"dely":1', `{ type: 'fixed', delay }`],
    ['timeout', { timeout: 0 }, '0', 'milliseconds from 1'],
    ['timeout', { timeout: '5 minutes' }, `'5 minutes'`, `'30s', '5m', '1h'`],
    ['priority', { priority: 32768 }, '32768', 'from -32768 to 32767'],
    ['concurrency', { concurrency: 0 }, '0', 'a whole number from 1 to 10000'],
    ['retryIf', { retryIf: true }, 'true', 'a function of (error, task)'],
    ['@Task() on Mail.send', [], '[]', 'Give an object'],
  ])('a bad option: %s', async (option, options, shown, remedy) => {
    @Injectable()
    class Mail {
      @Task(options)
      send(): void {}
    }
    const error = await refusal(Mail);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.option).toBe(option);
    expect(error.message).toContain('@Task() on Mail.send');
    expect(error.message).toContain(shown);
    expect(error.message).toContain(remedy);
  });

  const remedy = 'Make it a singleton: remove the scope from it and from what it injects.';

  test.each([
    [Scope.REQUEST, 'request-scoped'],
    [Scope.TRANSIENT, 'transient'],
  ])('a provider of scope %i', async (scope, called) => {
    @Injectable({ scope })
    class Mail {
      @Task()
      send(): void {}
    }
    expect(await refusal(Mail)).toMatchObject({
      name: 'ConfigurationError',
      option: 'scope',
      value: called,
      message: `@Task() on Mail.send: the provider is ${called}, so there is no instance to call. ${remedy}`,
    });
  });

  test('a provider that injects a request-scoped one', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Session {}
    @Injectable()
    class Mail {
      constructor(readonly session: Session) {}
      @Task()
      send(): void {}
    }
    const { message } = await refusal(Session, Mail);
    expect(message).toContain('@Task() on Mail.send: the provider is request-scoped');
  });

  test('a request-scoped controller', async () => {
    @Controller({ scope: Scope.REQUEST })
    class Pages {
      @Task()
      render(): void {}
    }
    const starting = startApp([], {}, { controllers: [Pages] });
    await expect(starting).rejects.toThrow('@Task() on Pages.render: the provider is request-');
  });

  test('a provider without an instance that has the method', async () => {
    class Mail {
      @Task()
      send(): void {}
    }
    const broken = Object.create(Mail.prototype, { send: { value: undefined } }) as Mail;
    expect(await refusal({ provide: 'mail', useValue: broken })).toMatchObject({
      option: 'provider',
      value: 'mail',
      message:
        '@Task() on Mail.send: the provider was never instantiated. List the class in the ' +
        'providers or controllers of an imported module.',
    });
  });
});

describe('@Task() on what is no method of an instance is refused:', () => {
  const refused = (name: string) =>
    expect.objectContaining({
      name: 'ConfigurationError',
      message: expect.stringContaining(`@Task() on Reports.${name}: it is no method`),
    });

  test('a static method', () => {
    const define = () => {
      class Reports {
        @Task()
        static build(): void {}
        keep(): void {}
      }
      return Reports;
    };
    expect(define).toThrow(refused('build'));
  });

  test('an accessor', () => {
    const define = () => {
      class Reports {
        @Task()
        get latest(): () => void {
          return () => undefined;
        }
      }
      return Reports;
    };
    expect(define).toThrow(refused('latest'));
  });

  test('a property', () => {
    const define = () => {
      class Reports {
        @(Task() as PropertyDecorator)
        build = () => undefined;
      }
      return Reports;
    };
    expect(define).toThrow(refused('build'));
  });
});
