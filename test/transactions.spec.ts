import { Injectable } from '@nestjs/common';
import {
  Task,
  TaskQueue,
  ValidationError,
  type Serializer,
  type TypeOrmBackend,
} from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager } from 'typeorm';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { Order, startShop, typeOrmOptions, type Shop } from './app/shop.js';
import { startApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempFile } from './app/temp-file.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '50s' } as const;
/** Long enough for a worker that was woken too early to have looked. */
const LOOK = 150;
/** What a wake-up takes at most; the poll would take a minute. */
const SOON = 50_000;

@Injectable()
class Mails {
  readonly startedAt = new Map<string, number>();

  @Task()
  send(to: string): string {
    this.startedAt.set(to, performance.now());
    return `sent to ${to}`;
  }
}

class Undo extends Error {}

/** Runs work in a transaction that is then rolled back. */
async function undone<T>(
  manager: EntityManager,
  work: (inner: EntityManager) => Promise<T>,
): Promise<T> {
  let done!: T;
  const undoing = manager.transaction(async (inner) => {
    done = await work(inner);
    throw new Undo();
  });
  await expect(undoing).rejects.toThrow(Undo);
  return done;
}

async function orders({ dataSource }: Shop): Promise<string[]> {
  return (await dataSource.manager.find(Order)).map(({ id }) => id).sort();
}

/** Nobody waits for ever: who holds the file and waits for it himself is told so. */
test('on sqlite an enqueue that its own transaction waits for ends with the remedy', async () => {
  const waits = [true, false].map(async (joins) => {
    const shop = await startShop(await tempStore('sqlite'), [Mails], { worker: false });
    const began = performance.now();
    await shop.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: 'ann' });
      if (joins) await shop.queue.for(Mails, { manager }).send('ann');
      const waiting = shop.queue.for(Mails).send('bob');
      await expect(waiting).rejects.toThrow(/of this pro(gram|cess).*give the call its manager/);
      await expect(waiting).rejects.toMatchObject({ code: 'SITQ_BACKEND', transient: true });
    });
    expect(performance.now() - began).toBeGreaterThan(14_000);
    expect(await orders(shop)).toEqual(['ann']);
    expect(await shop.queue.counts()).toMatchObject({ queued: joins ? 1 : 0 });
  });
  await Promise.all(waits);
});

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  let shop: Shop;
  let manager: EntityManager;
  let queue: TaskQueue;

  const start = async (options: Parameters<typeof startShop>[2] = {}) => {
    store = await tempStore(kind);
    shop = await startShop(store, [Mails], options);
    ({ manager } = shop.dataSource);
    ({ queue } = shop);
  };
  const startedAt = (to: string) => shop.module.get(Mails).startedAt.get(to);

  describe('a task that is enqueued in a transaction', () => {
    beforeEach(() => start());

    test('is there with the commit, and wakes the worker then', async () => {
      const handle = await manager.transaction(async (inner) => {
        await inner.insert(Order, { id: 'ann' });
        const task = await queue.for(Mails, { manager: inner }).send('ann');
        await sleep(LOOK);
        expect(await queue.getTask(task.id)).toBeNull();
        return task;
      });
      const committedAt = performance.now();
      expect(await handle.result(patience)).toBe('sent to ann');
      console.log(`${kind}: picked up ${startedAt('ann')! - committedAt} ms after the commit`);
      expect(startedAt('ann')! - committedAt).toBeGreaterThan(-5);
      expect(startedAt('ann')! - committedAt).toBeLessThan(SOON);
      expect(await orders(shop)).toEqual(['ann']);
    });

    test('wakes the worker of another process too', async () => {
      const other = await startApp([Mails], { ...store.options, worker: false });
      const others = await other.module.get(TaskQueue);
      const handle = await manager.transaction(async (inner) => {
        const task = await others.for(Mails, { manager: inner }).send('ann');
        await sleep(LOOK);
        return task;
      });
      const committedAt = performance.now();
      expect(await handle.result(patience)).toBe('sent to ann');
      expect(startedAt('ann')! - committedAt).toBeLessThan(SOON);
    });

    test('goes with a rollback', async () => {
      const { id } = await undone(manager, async (inner) => {
        await inner.insert(Order, { id: 'ann' });
        return queue.for(Mails, { manager: inner }).send('ann');
      });
      await sleep(LOOK);
      expect(await queue.getTask(id)).toBeNull();
      expect(startedAt('ann')).toBeUndefined();
      expect(await orders(shop)).toEqual([]);
      const again = await queue.enqueue('Mails.send', ['bob'], { id });
      expect(await again.result(patience)).toBe('sent to bob');
    });

    test('by name and by method, with options', async () => {
      const [byName, byMethod] = await manager.transaction(async (inner) => [
        await queue.enqueue('Mails.send', ['ann'], { manager: inner, meta: { a: 'b' } }),
        await queue.enqueue(Mails, 'send', ['bob'], { manager: inner, delay: '1h', priority: 7 }),
      ]);
      expect((await queue.getTask(byName.id))?.meta).toEqual({ a: 'b' });
      expect(await queue.getTask(byMethod.id)).toMatchObject({ status: 'queued', priority: 7 });
      expect(await byName.result(patience)).toBe('sent to ann');
    });

    test('follows the savepoint that it is in', async () => {
      const [kept, dropped] = await manager.transaction(async (outer) => {
        const inner = await outer.transaction((nested) =>
          queue.for(Mails, { manager: nested }).send('kept'),
        );
        const lost = await undone(outer, (nested) =>
          queue.for(Mails, { manager: nested }).send('dropped'),
        );
        await sleep(LOOK);
        expect(startedAt('kept')).toBeUndefined(); // the savepoint alone is no commit
        return [inner, lost];
      });
      const committedAt = performance.now();
      expect(await kept.result(patience)).toBe('sent to kept');
      expect(startedAt('kept')! - committedAt).toBeLessThan(SOON);
      expect(await queue.getTask(dropped.id)).toBeNull();
    });

    test('goes with the outer transaction, whatever its savepoint says', async () => {
      const { id } = await undone(manager, (outer) =>
        outer.transaction((nested) => queue.for(Mails, { manager: nested }).send('ann')),
      );
      await sleep(LOOK);
      expect(await queue.getTask(id)).toBeNull();
    });

    test('may be in a transaction that a QueryRunner began', async () => {
      const runner = shop.dataSource.createQueryRunner();
      await runner.startTransaction();
      const first = await queue.for(Mails, { manager: runner.manager }).send('ann');
      await runner.rollbackTransaction();
      await runner.startTransaction();
      const second = await queue.for(Mails, { manager: runner.manager }).send('bob');
      await sleep(LOOK);
      expect(startedAt('bob')).toBeUndefined();
      await runner.commitTransaction();
      await runner.release();
      expect(await second.result(patience)).toBe('sent to bob');
      expect(await queue.getTask(first.id)).toBeNull();
    });

    test('is there at once where there is no transaction', async () => {
      const handle = await queue.for(Mails, { manager }).send('ann');
      expect(await queue.getTask(handle.id)).not.toBeNull();
      expect(await handle.result(patience)).toBe('sent to ann');
    });

    test('waits for no enqueue beside it, which on SQLite waits for it', async () => {
      let beside: Promise<number> | undefined;
      const handle = await manager.transaction(async (inner) => {
        const task = await queue.for(Mails, { manager: inner }).send('ann');
        beside = queue
          .for(Mails)
          .send('bob')
          .then(() => performance.now());
        await (kind === 'sqlite' ? sleep(LOOK) : beside);
        return task;
      });
      const committedAt = performance.now();
      expect((await beside!) - committedAt).toBeLessThan(SOON);
      if (kind === 'sqlite') expect(await beside).toBeGreaterThan(committedAt - 5);
      else expect(await beside).toBeLessThan(committedAt);
      expect(await handle.result(patience)).toBe('sent to ann');
    });

    test('wakes also after the DataSource was opened anew', async () => {
      await manager.transaction((inner) => queue.for(Mails, { manager: inner }).send('ann'));
      await shop.dataSource.destroy();
      await shop.dataSource.initialize();
      const handle = await shop.dataSource.manager.transaction((inner) =>
        queue.for(Mails, { manager: inner }).send('bob'),
      );
      expect(await handle.result(patience)).toBe('sent to bob');
    });

    test('is not held against the application when a listener fails', async () => {
      const stop = (queue.backend as TypeOrmBackend).onChange(() => {
        throw new Error('a listener');
      });
      const handle = await manager.transaction(async (inner) => {
        await inner.insert(Order, { id: 'ann' });
        return queue.for(Mails, { manager: inner }).send('ann');
      });
      stop();
      expect(await handle.result(patience)).toBe('sent to ann');
      expect(await orders(shop)).toEqual(['ann']);
    });
  });

  describe('an id of its own in a transaction', () => {
    beforeEach(() => start({ worker: false }));

    test.each(['a transaction before', 'the same transaction', 'an enqueue of its own'])(
      'that is known from %s is the same task',
      async (where) => {
        const options = { id: 'mine' };
        const send = (inner?: EntityManager) =>
          queue.for(Mails, { ...options, manager: inner ?? null }).send('ann');
        await manager.transaction(async (inner) => {
          if (where === 'the same transaction') await send(inner);
          else await send(where === 'a transaction before' ? manager : undefined);
          await inner.insert(Order, { id: '1' });
          await send(inner);
          await inner.insert(Order, { id: '2' });
        });
        expect(await queue.counts()).toMatchObject({ queued: 1 });
        expect(await orders(shop)).toEqual(['1', '2']);
      },
    );

    test('of another task is refused, and the transaction can go on', async () => {
      await queue.for(Mails, { id: 'taken' }).send('ann');
      await manager.transaction(async (inner) => {
        const sending = queue.for(Mails, { id: 'taken', manager: inner }).send('bob');
        await expect(sending).rejects.toThrow(ValidationError);
        await expect(sending).rejects.toThrow("The id 'taken' belongs to another task");
        await inner.insert(Order, { id: '1' });
        await queue.for(Mails, { manager: inner }).send('cher');
      });
      expect(await queue.counts()).toMatchObject({ queued: 2 });
      expect((await queue.getTask('taken'))?.args).toEqual(['ann']);
      expect(await orders(shop)).toEqual(['1']);
    });

    test('is compared by meaning where the serializer never repeats itself', async () => {
      let salt = 0;
      const salting: Serializer = {
        serialize: (value) => JSON.stringify({ salt: (salt += 1), value }),
        deserialize: (text) => (JSON.parse(text) as { value: unknown }).value,
      };
      const salted = new TaskQueue({ backend: queue.backend, serializer: salting });
      await manager.transaction(async (inner) => {
        await salted.enqueue('Mails.send', ['ann'], { id: 'mine', manager: inner });
        await salted.enqueue('Mails.send', ['ann'], { id: 'mine', manager: inner });
        const other = salted.enqueue('Mails.send', ['bob'], { id: 'mine', manager: inner });
        await expect(other).rejects.toThrow('belongs to another task');
      });
      expect(await queue.counts()).toMatchObject({ queued: 1 });
    });
  });

  describe('many tasks in a transaction', () => {
    beforeEach(() => start({ worker: false }));
    const people = (count: number) => Array.from({ length: count }, (_, i): [string] => [`p${i}`]);
    const id = ([to]: readonly [string]) => to;

    test('are there together, over all chunks', async () => {
      await manager.transaction(async (inner) => {
        const stored = await queue.enqueueMany(Mails, 'send', people(130), {
          chunkSize: 60,
          manager: inner,
          id,
        });
        expect(stored).toBe(130);
        expect(await queue.counts()).toMatchObject({ queued: 0 });
      });
      expect(await queue.counts()).toMatchObject({ queued: 130 });
      expect((await queue.getTask('p129'))?.args).toEqual(['p129']);
    });

    test('go together', async () => {
      await undone(manager, (inner) =>
        queue.enqueueMany(Mails, 'send', people(130), { chunkSize: 60, manager: inner }),
      );
      expect(await queue.counts()).toMatchObject({ queued: 0 });
    });

    test('are the same tasks when they are given again', async () => {
      await queue.enqueueMany(Mails, 'send', people(30), { id });
      await manager.transaction((inner) =>
        queue.enqueueMany(Mails, 'send', [...people(60), ...people(5)], { id, manager: inner }),
      );
      expect(await queue.counts()).toMatchObject({ queued: 60 });
    });

    test.each(['stored before', 'in the list twice'])(
      'are none when one has the id of another task, %s',
      async (where) => {
        if (where === 'stored before') await queue.for(Mails, { id: 'p40' }).send('someone else');
        await manager.transaction(async (inner) => {
          await queue.for(Mails, { id: 'before', manager: inner }).send('ann');
          const list = [...people(60), ['extra'] as [string]];
          const sameId = (args: readonly [string]) => (args[0] === 'extra' ? 'p40' : args[0]);
          const sending = queue.enqueueMany(Mails, 'send', list, { id: sameId, manager: inner });
          await expect(sending).rejects.toThrow("The id 'p40' belongs to another task");
        });
        expect(await queue.getTask('before')).not.toBeNull();
        expect(await queue.getTask('p0')).toBeNull();
        expect(await queue.getTask('p59')).toBeNull();
      },
    );
  });

  describe('a manager', () => {
    beforeEach(() => start({ worker: false }));
    const sendIn = (given: unknown) =>
      queue.for(Mails, { manager: given as EntityManager }).send('ann');

    test.each<[what: string, given: () => unknown, problem: string]>([
      ['a DataSource', () => shop.dataSource, 'manager is a DataSource, not an EntityManager'],
      ['a repository', () => manager.getRepository(Order), 'manager is a Repository'],
      ['any object', () => ({}), 'manager is an object, not'],
      ['text', () => 'manager', `manager is 'manager'. Give the EntityManager`],
      ['no manager', () => false, 'manager is false. Give the EntityManager'],
    ])('is not %s', async (_, given, problem) => {
      const sending = sendIn(given());
      await expect(sending).rejects.toThrow(problem);
      await expect(sending).rejects.toMatchObject({ code: 'SITQ_VALIDATION', option: 'manager' });
    });

    test('null is none', async () => {
      const handle = await queue.for(Mails, { manager: null }).send('ann');
      expect(await handle.status()).toBe('queued');
    });

    test('of another database is refused, and its transaction can go on', async () => {
      const elsewhere = await tempStore(kind);
      const other = await new DataSource(typeOrmOptions(elsewhere.options)).initialize();
      try {
        await other.transaction(async (inner) => {
          await expect(sendIn(inner)).rejects.toThrow(/where the tables of this queue are not/);
          await inner.insert(Order, { id: '1' });
        });
        // Also where there are such tables.
        const { queue: theirs } = await startApp([Mails], { ...elsewhere.options, worker: false });
        await other.transaction(async (inner) => {
          await expect(sendIn(inner)).rejects.toThrow(/no transaction spans both/);
          await theirs.for(Mails, { manager: inner }).send('ann');
        });
        expect(await theirs.counts()).toMatchObject({ queued: 1 });
        expect(await queue.counts()).toMatchObject({ queued: 0 });
        expect(await other.manager.count(Order)).toBe(1);
      } finally {
        await other.destroy();
      }
    });

    test('of another kind of database is refused', async () => {
      const [type, url] = kind === 'sqlite' ? ['postgres', 'postgres://nobody@localhost/no'] : [];
      const options = { type: type ?? 'better-sqlite3', url, database: tempFile() };
      const other = new DataSource(options as ConstructorParameters<typeof DataSource>[0]);
      await expect(sendIn(other.manager)).rejects.toThrow(
        `manager belongs to a DataSource of type '${options.type}', but the tasks are in`,
      );
    });

    test('needs a store that can write through it', async () => {
      const app = await startApp([Mails], { backend: new EightMethodsBackend() });
      await expect(app.queue.for(Mails, { manager }).send('ann')).rejects.toThrow(
        'EightMethodsBackend cannot enqueue in a transaction (manager): it does not implement ' +
          'TransactionalBackend.',
      );
    });

    test('is of no use after the shutdown', async () => {
      await queue.backend.close();
      await expect(sendIn(manager)).rejects.toThrow('the queue is closed');
    });
  });
});
