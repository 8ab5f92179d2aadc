import { Body, Controller, Injectable, Post, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule, Task, TaskContext, TaskQueue, type SitqRootOptions } from 'nestjs-sitq';
import { AsyncResource } from 'node:async_hooks';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager } from 'typeorm';
import { Gate } from './app/gate.js';
import { Lines, startApp } from './app/start-app.js';
import { Order, startShop, typeOrmOptions, type Shop } from './app/shop.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '20s' } as const;
/** Long enough for what waits for nothing to have happened. */
const LOOK = 150;

class Undo extends Error {}

/** As if somebody called who has nothing to do with the caller. */
const stranger = new AsyncResource('stranger');
const outside = <T>(work: () => T): T => stranger.runInAsyncScope(work);

/** Whatever two requests or two runs do at the same time, as a test tells them. */
@Injectable()
class Shelf {
  script: (run: TaskContext, id: string) => unknown = () => undefined;

  constructor(readonly run: TaskContext) {}

  @Task({ attempts: 1 })
  put(id: string): unknown {
    return this.script(this.run, id);
  }
}

/** Inside the transactions of requests: where they are, and what they wait for. */
class Meeting {
  readonly begun = new Gate();
  readonly written = new Gate();
  readonly mayEnd = new Gate();
}

const meetings = new Map<string, Meeting>();

interface Wish {
  readonly id: string;
  readonly how: 'dataSource' | 'queue' | 'runner';
  readonly fails?: boolean;
}

/** As an application would write it. */
@Controller('orders')
class OrdersController {
  constructor(
    private readonly queue: TaskQueue,
    private readonly dataSource: DataSource,
  ) {}

  @Post()
  async create(@Body() wish: Wish): Promise<void> {
    const meeting = meetings.get(wish.id)!;
    await this.transaction(wish.how, async (manager) => {
      meeting.begun.open();
      await manager.insert(Order, { id: wish.id });
      await this.queue.for(Shelf, { id: wish.id, manager }).put(wish.id);
      meeting.written.open();
      await meeting.mayEnd.opened;
      if (wish.fails) throw new Undo();
    });
  }

  private async transaction(
    how: Wish['how'],
    work: (manager: EntityManager) => Promise<void>,
  ): Promise<void> {
    if (how === 'queue') return this.queue.transaction(work);
    if (how === 'dataSource') return this.dataSource.transaction(work);
    const runner = this.dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      await work(runner.manager);
      await runner.commitTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      throw error;
    } finally {
      await runner.release();
    }
  }
}

/** Where one has to wait for the other there is nothing to wait for. */
function aWhile(kind: string): Promise<void> {
  return sleep(kind === 'sqlite' ? LOOK : 20_000, undefined, { ref: false });
}

async function stored(dataSource: DataSource): Promise<string[]> {
  return (await dataSource.manager.find(Order)).map(({ id }) => id).sort();
}

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  beforeEach(async () => void (store = await tempStore(kind)));

  describe('two requests at the same time', () => {
    let app: INestApplication;
    afterEach(async () => {
      for (const { mayEnd } of meetings.values()) mayEnd.open();
      meetings.clear();
      await app.close();
    });

    const listen = async (options: Partial<SitqRootOptions>) => {
      const module = await Test.createTestingModule({
        imports: [
          TypeOrmModule.forRoot(typeOrmOptions(store.options)),
          SitqModule.forRoot({ worker: false, ...options } as SitqRootOptions),
        ],
        controllers: [OrdersController],
        providers: [Shelf],
      })
        .setLogger(new Lines())
        .compile();
      app = module.createNestApplication();
      await app.listen(0, '127.0.0.1');
    };
    const post = async (wish: Wish): Promise<number> => {
      meetings.set(wish.id, new Meeting());
      const { port } = app.getHttpServer().address() as AddressInfo;
      const response = await fetch(`http://127.0.0.1:${port}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(wish),
      });
      return response.status;
    };

    test.each<[one: Wish['how'], other: Wish['how'], known: boolean]>([
      ['dataSource', 'dataSource', true],
      ['queue', 'queue', true],
      ['runner', 'runner', true],
      ['queue', 'runner', true],
      ['runner', 'dataSource', true],
      // Where sitq has not been told of the DataSource, and first sees it in the first request.
      ['dataSource', 'dataSource', false],
      ['runner', 'runner', false],
    ])('by %s and by %s, of which one fails (told of: %p)', async (one, other, known) => {
      await listen(known ? { dataSource: 'default' } : store.options);
      const kept = post({ id: 'kept', how: one });
      await meetings.get('kept')!.written.opened;
      const lost = post({ id: 'lost', how: other, fails: true });
      // Where both can be at it, they are; else the other one waits.
      const met = meetings.get('lost')!.written.opened;
      await Promise.race([met, aWhile(kind)]);
      meetings.get('kept')!.mayEnd.open();
      expect(await kept).toBe(201);
      meetings.get('lost')!.mayEnd.open();
      expect(await lost).toBe(500);

      const queue = app.get(TaskQueue);
      expect(await stored(app.get(DataSource))).toEqual(['kept']);
      expect(await queue.getTask('kept')).not.toBeNull();
      expect(await queue.getTask('lost')).toBeNull();
    });
  });

  describe('queue.transaction', () => {
    let shop: Shop;
    const start = async (options: Parameters<typeof startShop>[2] = { worker: false }) => {
      shop = await startShop(store, [Shelf], options);
    };
    const send = (id: string, manager?: EntityManager) =>
      shop.queue.for(Shelf, { id, manager }).put(id);

    test('resolves to what its work does, when it is committed', async () => {
      await start();
      const handle = await shop.queue.transaction(async (manager) => {
        await manager.insert(Order, { id: 'ann' });
        return send('ann', manager);
      });
      expect(await handle.status()).toBe('queued');
      expect(await stored(shop.dataSource)).toEqual(['ann']);
    });

    test('rolls back and lets the error through', async () => {
      await start();
      const undoing = shop.queue.transaction(async (manager) => {
        await manager.insert(Order, { id: 'ann' });
        await send('ann', manager);
        throw new Undo();
      });
      await expect(undoing).rejects.toThrow(Undo);
      expect(await shop.queue.getTask('ann')).toBeNull();
      expect(await stored(shop.dataSource)).toEqual([]);
    });

    test.each(['itself', 'the DataSource'])('in one of %s is a part of it', async (outer) => {
      // On a server the transactions of a DataSource are independent, as they have always been.
      if (outer === 'the DataSource' && kind !== 'sqlite') outer = 'itself';
      await start();
      const begin = <T>(work: (manager: EntityManager) => Promise<T>) =>
        outer === 'itself' ? shop.queue.transaction(work) : shop.dataSource.transaction(work);
      await begin(async (manager) => {
        await send('outer', manager);
        await shop.queue.transaction((inner) => send('inner', inner));
        const undoing = shop.queue.transaction(async (inner) => {
          await send('undone', inner);
          throw new Undo();
        });
        await expect(undoing).rejects.toThrow(Undo);
      });
      const undoing = begin(async () => {
        await shop.queue.transaction((inner) => send('gone', inner));
        throw new Undo();
      });
      await expect(undoing).rejects.toThrow(Undo);
      const there = ['outer', 'inner', 'undone', 'gone'].map((id) => shop.queue.getTask(id));
      expect((await Promise.all(there)).map((task) => task?.id)).toEqual([
        'outer',
        'inner',
        undefined,
        undefined,
      ]);
    });

    test('after one has ended is another one, wherever it is called', async () => {
      await start();
      let later!: Promise<unknown>;
      const gate = new Gate();
      const undoing = shop.queue.transaction(async () => {
        later = gate.opened.then(() => shop.queue.transaction((manager) => send('ann', manager)));
        throw new Undo();
      });
      await expect(undoing).rejects.toThrow(Undo);
      gate.open();
      await later;
      expect(await shop.queue.getTask('ann')).not.toBeNull();
    });

    test('of many at once each has its own', async () => {
      await start();
      const ids = Array.from({ length: 40 }, (_, i) => `${i}`);
      const ends = await Promise.allSettled(
        ids.map((id, i) =>
          shop.queue.transaction(async (manager) => {
            await manager.insert(Order, { id });
            await sleep(i % 3);
            await send(id, manager);
            if (i % 4 === 0) throw new Undo();
          }),
        ),
      );
      const kept = ids.filter((_, i) => i % 4 !== 0);
      expect(ids.filter((_, i) => ends[i]!.status === 'fulfilled')).toEqual(kept);
      expect(await stored(shop.dataSource)).toEqual(kept.toSorted());
      const there = await Promise.all(ids.map((id) => shop.queue.getTask(id)));
      expect(ids.filter((_, i) => there[i])).toEqual(kept);
    });

    test('needs to know the DataSource', async () => {
      const { queue } = await startApp([Shelf], { worker: false, ...store.options });
      const beginning = queue.transaction(async () => undefined);
      await expect(beginning).rejects.toMatchObject({ code: 'SITQ_VALIDATION' });
      await expect(beginning).rejects.toThrow(
        /does not know a DataSource of the application.*forRoot\(\{ dataSource: 'default' \}\)/,
      );
    });

    test('needs something to do', async () => {
      await start();
      const beginning = shop.queue.transaction('work' as never);
      await expect(beginning).rejects.toMatchObject({ code: 'SITQ_VALIDATION', option: 'work' });
      await expect(beginning).rejects.toThrow(/work is 'work'. Give a function/);
    });
  });

  if (kind === 'sqlite') {
    describe('a manager', () => {
      let shop: Shop;
      const send = (id: string, manager: EntityManager) =>
        shop.queue.for(Shelf, { id, manager }).put(id);
      const refused = async (sending: Promise<unknown>) => {
        await expect(sending).rejects.toMatchObject({ code: 'SITQ_VALIDATION', option: 'manager' });
        await expect(sending).rejects.toThrow(/not this call's alone.*queue\.transaction\(\)/);
      };
      const start = async (options: Parameters<typeof startShop>[2] = {}) => {
        shop = await startShop(store, [Shelf], { worker: false, ...options });
      };

      test.each(['of the transaction', 'of a transaction before'])(
        '%s is refused to whoever did not begin what is under way',
        async (whose) => {
          await start();
          let before!: EntityManager;
          await shop.queue.transaction(async (manager) => void (before = manager));
          const begun = new Gate<EntityManager>();
          const mayEnd = new Gate();
          const transaction = shop.queue.transaction(async (manager) => {
            await manager.insert(Order, { id: 'ann' });
            begun.open(manager);
            await mayEnd.opened;
          });
          const manager = await begun.opened;
          await refused(send('bob', whose === 'of the transaction' ? manager : before));
          mayEnd.open();
          await transaction;
          expect(await shop.queue.getTask('bob')).toBeNull();
          expect(await stored(shop.dataSource)).toEqual(['ann']);
        },
      );

      test('that a function finds is refused likewise', async () => {
        let found: EntityManager | undefined;
        await start({ transactions: () => found });
        await shop.dataSource.transaction(async (manager) => {
          found = manager;
          await shop.queue.for(Shelf, { id: 'ann' }).put('ann');
          await outside(() => refused(shop.queue.for(Shelf, { id: 'bob' }).put('bob')));
        });
        expect(await shop.queue.getTask('ann')).not.toBeNull();
        expect(await shop.queue.getTask('bob')).toBeNull();
      });

      test('of what was shared before sitq saw it is refused, and of the next one taken', async () => {
        const dataSource = await new DataSource(typeOrmOptions(store.options)).initialize();
        const app = await startApp([Shelf], { worker: false, ...store.options });
        const put = (id: string, manager: EntityManager) =>
          app.queue.for(Shelf, { id, manager }).put(id);
        await dataSource.transaction((outer) =>
          outer.transaction((inner) => refused(put('ann', inner))),
        );
        await dataSource.transaction((outer) => outer.transaction((inner) => put('bob', inner)));
        expect(await app.queue.getTask('bob')).not.toBeNull();
        await dataSource.destroy();
      });

      test('of a transaction that two callers of a QueryRunner share is refused', async () => {
        await start();
        const [one, other] = [0, 1].map(() => shop.dataSource.createQueryRunner());
        await one!.startTransaction();
        await other!.startTransaction();
        await refused(send('ann', one!.manager));
        await other!.rollbackTransaction();
        await one!.commitTransaction();
      });

      test('is told when its transaction ended before the call', async () => {
        await start();
        let sending!: Promise<unknown>;
        const writing = new Gate();
        Object.assign(shop.dataSource.logger, {
          logQuery: (text: string) => text.includes('INTO "sitq_task"') && writing.open(),
        });
        await shop.queue.transaction(async (manager) => {
          const many = Array.from({ length: 90 }, (_, i): [string] => [`${i}`]);
          sending = shop.queue.enqueueMany(Shelf, 'put', many, { manager });
          sending.catch(() => undefined);
          await writing.opened;
        });
        await expect(sending).rejects.toThrow('ended before the call did. Await the call inside');
      });

      test('in no transaction gets into none that others have', async () => {
        await start();
        const begun = new Gate();
        const mayEnd = new Gate();
        const ending = shop.queue.transaction(async () => {
          begun.open();
          await mayEnd.opened;
          throw new Undo();
        });
        await begun.opened;
        const sending = send('ann', shop.dataSource.manager);
        const undoing = shop.dataSource.transaction(async () => {
          throw new Undo();
        });
        mayEnd.open();
        await expect(ending).rejects.toThrow(Undo);
        await expect(undoing).rejects.toThrow(Undo);
        await sending;
        expect(await shop.queue.getTask('ann')).not.toBeNull();
      });
    });
  }

  test('two runs at the same time, of which one fails, share no transaction', async () => {
    const shop = await startShop(store, [Shelf], { worker: { concurrency: 2 } });
    const begun = new Gate();
    const keptEnds = new Gate();
    shop.module.get(Shelf).script = async (run, id) => {
      if (id === 'kept') await begun.opened;
      const ending = shop.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id });
        if (id === 'kept') return run.complete(manager, 'done');
        begun.open();
        // Where the other one can be at it, it is; else it waits.
        await Promise.race([keptEnds.opened, aWhile(kind)]);
        throw new Undo();
      });
      await ending.finally(() => id === 'kept' && keptEnds.open());
    };
    const kept = await shop.queue.for(Shelf).put('kept');
    const lost = await shop.queue.for(Shelf).put('lost');
    expect(await kept.result(patience)).toBe('done');
    await expect(lost.result(patience)).rejects.toMatchObject({ code: 'SITQ_TASK_FAILED' });
    expect(await stored(shop.dataSource)).toEqual(['kept']);
  });

  test('a run that is woken in a transaction is no part of it', async () => {
    const shop = await startShop(store, [Shelf]);
    const running = new Gate();
    shop.module.get(Shelf).script = (_, id) => {
      running.open();
      return shop.dataSource.transaction(
        async (manager) => void (await manager.insert(Order, { id })),
      );
    };
    let put!: { result: (options: typeof patience) => Promise<unknown> };
    const undoing = shop.dataSource.transaction(async () => {
      put = await shop.queue.for(Shelf, { manager: null }).put('ann');
      await running.opened;
      await sleep(LOOK);
      throw new Undo();
    });
    await expect(undoing).rejects.toThrow(Undo);
    await put.result(patience);
    expect(await stored(shop.dataSource)).toEqual(['ann']);
  });
});
