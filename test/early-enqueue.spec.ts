import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigurationError, SitqModule, Task, TaskQueue } from 'nestjs-sitq';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from './app/eventually.js';
import { startModule } from './app/start-app.js';

@Injectable()
class Mail {
  @Task({ queue: 'mail', priority: 7 })
  send(): void {}
}

@Module({ providers: [Mail] })
class MailModule {}

/** Only looks at what is enqueued. */
const sitq = () => SitqModule.forRoot({ database: ':memory:', worker: false });

describe('a task that is enqueued by name has the queue and priority of its handler', () => {
  @Injectable()
  class InConstructor {
    readonly enqueued: Promise<unknown>;
    constructor(queue: TaskQueue) {
      this.enqueued = queue.enqueue('Mail.send', [], { id: 'early' });
    }
  }

  @Injectable()
  class InInit implements OnModuleInit {
    constructor(private readonly queue: TaskQueue) {}
    async onModuleInit(): Promise<void> {
      await this.queue.enqueue('Mail.send', [], { id: 'early' });
    }
  }

  const inFactory = {
    provide: 'factory',
    inject: [TaskQueue],
    useFactory: (queue: TaskQueue) => queue.enqueue('Mail.send', [], { id: 'early' }),
  };

  const places = {
    'a constructor': InConstructor,
    onModuleInit: InInit,
    'a factory': inFactory,
  } as const;

  test.each(
    Object.entries(places).flatMap(([place, provider]) =>
      (['before', 'after'] as const).map((order) => [place, order, provider] as const),
    ),
  )('in %s of a module imported %s', async (_, order, provider) => {
    @Module({ providers: [provider] })
    class EarlyModule {}
    const imports = [EarlyModule, sitq(), MailModule];
    const { queue } = await startModule({
      imports: order === 'before' ? imports : imports.reverse(),
    });
    const task = await eventually(() => queue.getTask('early')); // a constructor waits for nothing
    expect(task).toMatchObject({ queue: 'mail', priority: 7 });
  });

  test('in an application that is never initialised', async () => {
    const module = await Test.createTestingModule({ imports: [MailModule, sitq()] }).compile();
    const queue = module.get(TaskQueue);
    await queue.enqueue('Mail.send', [], { id: 'early' });
    expect(await queue.getTask('early')).toMatchObject({ queue: 'mail', priority: 7 });
    await module.close();
  });
});

describe('one that is enqueued before its handler can be known', () => {
  class Late {
    @Task({ queue: 'late' })
    run(): void {}
  }

  class Plain {
    @Task()
    run(): void {}
  }

  const late = (made: object) => ({
    provide: 'late',
    useFactory: async () => {
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
      return made;
    },
  });

  const early = (name: string) => ({
    provide: 'early',
    inject: [TaskQueue],
    useFactory: (queue: TaskQueue) => queue.enqueue(name, []),
  });

  test('stops the boot', async () => {
    const starting = startModule({
      imports: [sitq()],
      providers: [early('Late.run'), late(new Late())],
    });
    await expect(starting).rejects.toThrow(ConfigurationError);
    await expect(starting).rejects.toThrow(
      `The task 'Late.run' was enqueued before Late.run existed`,
    );
  });

  test('does not where that makes no difference, nor for handlers of other processes', async () => {
    const { queue } = await startModule({
      imports: [sitq()],
      providers: [early('Plain.run'), late(new Plain())],
    });
    await queue.enqueue('Elsewhere.run', [], { id: 'elsewhere' });
    expect((await queue.counts()).queued).toBe(2);
    expect(await queue.getTask('elsewhere')).toMatchObject({ queue: 'default', priority: 0 });
  });
});

describe('forRoot', () => {
  test.each([
    ['with the same options', {}],
    ['with others', { worker: { concurrency: 2 } }],
  ])('imported twice is refused: %s', async (_, options) => {
    @Module({ imports: [SitqModule.forRoot({ database: ':memory:', ...options })] })
    class MailFeature {}
    @Module({ imports: [SitqModule.forRoot({ database: ':memory:' }), MailFeature] })
    class AppModule {}
    const starting = startModule({ imports: [AppModule] });
    await expect(starting).rejects.toThrow(ConfigurationError);
    await expect(starting).rejects.toThrow(
      /imported 2 times \(by AppModule, MailFeature\).*Import it once, in the root module/,
    );
  });

  test('and forRootAsync together are refused', async () => {
    const useFactory = () => ({ database: ':memory:' });
    const starting = startModule({
      imports: [SitqModule.forRootAsync({ useFactory }), sitq()],
    });
    await expect(starting).rejects.toThrow('imported 2 times');
  });

  test('that modules share is one', async () => {
    const shared = SitqModule.forRoot({ database: ':memory:' });
    @Module({ imports: [shared] })
    class Feature {}
    const { lines } = await startModule({ imports: [shared, Feature, MailModule] });
    expect(lines.ofSitq.filter((line) => line.includes('runs 1 handler(s)'))).toHaveLength(1);
  });

  test('is needed somewhere', async () => {
    const starting = startModule({ imports: [SitqModule] });
    await expect(starting).rejects.toThrow(ConfigurationError);
    await expect(starting).rejects.toThrow('Import SitqModule.forRoot() once, in the root module');
  });

  test('may be beside plain imports of the module', async () => {
    @Module({ imports: [SitqModule], providers: [Mail] })
    class Feature {}
    const { lines } = await startModule({
      imports: [SitqModule, Feature, SitqModule.forRoot({ database: ':memory:' })],
    });
    expect(lines.ofSitq.filter((line) => line.includes('runs 1 handler(s)'))).toHaveLength(1);
  });
});
