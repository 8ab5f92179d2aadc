import { Injectable } from '@nestjs/common';
import { ConfigurationError, Task, type Transactions } from 'nestjs-sitq';
import { AsyncLocalStorage } from 'node:async_hooks';
import { DataSource, type EntityManager } from 'typeorm';
import { clsHostFinder } from '../lib/transactions/cls-host.js';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { Child } from './app/processes/child.js';
import { startShop, type Shop } from './app/shop.js';
import { startApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '50s' } as const;

@Injectable()
class Mails {
  @Task()
  send(to: string): string {
    return `sent to ${to}`;
  }
}

describe.each(stores())('on %s', (kind) => {
  /** The host is no ESM, but loads what is: plain Node can do that, jest cannot. */
  describe('the host of @nestjs-cls/transactional', () => {
    let store: Store;
    let app: Child;
    const boot = async (transactions: Transactions | undefined, more = {}) => {
      app = await Child.cls('cls').ready();
      await app.ask('boot', { tasks: store.options, rows: store.options, transactions, ...more });
    };
    const call = (method: string, ...args: string[]) => app.ask('call', [method, ...args]);
    const tasks = (...ids: string[]) => Promise.all(ids.map((id) => app.ask('isTask', id)));
    const rows = () => app.ask<string[]>('rows');

    beforeEach(async () => void (store = await tempStore(kind)));
    afterEach(() => Child.killAll());

    test(`is joined by 'join'`, async () => {
      await boot('join');
      expect(await call('signUp', 'ann')).toBeNull();
      expect(await app.ask('result', 'ann')).toBe('sent to ann');
      expect(await call('signUp', 'bob', 'fail')).toBe('Undo');
      expect(await tasks('ann', 'bob')).toEqual([true, false]);
      expect(await rows()).toEqual(['ann']);

      expect(await call('nested', 'cher', 'dan')).toBeNull();
      expect(await app.ask('result', 'cher')).toBe('sent to cher');
      expect(await tasks('cher', 'dan')).toEqual([true, false]);
      expect((await rows()).sort()).toEqual(['ann', 'cher']);

      expect(await call('many', 'eve', 'fay')).toBe('Undo');
      expect(await tasks('eve', 'fay')).toEqual([false, false]);

      expect(await call('optOut', 'guy')).toBe('Undo');
      expect(await call('suspended', 'hal')).toBe('Undo');
      expect(await call('outside', 'ida')).toBeNull();
      expect(await tasks('guy', 'hal', 'ida')).toEqual([true, true, true]);
      expect(await app.ask('result', 'ida')).toBe('sent to ida');
    });

    test.each([undefined, 'explicit'] as const)('is not joined by %p', async (transactions) => {
      await boot(transactions);
      expect(await call('unjoined', 'ann')).toBeNull();
      expect(await tasks('ann')).toEqual([true]);
    });

    test('is refused when there is none', async () => {
      await expect(boot('join', { withoutHost: true })).rejects.toThrow(
        /ConfigurationError: .*transactions is 'join', but the application has no TransactionHost. Import ClsModule/,
      );
    });

    test('is refused when it is on another database', async () => {
      const elsewhere = await tempStore(kind);
      await expect(boot('join', { rows: elsewhere.options })).rejects.toThrow(
        /ConfigurationError: .*its host cannot be used for the tasks: manager leads to/,
      );
    });
  });

  test('a function finds the transaction of any other host', async () => {
    const storage = new AsyncLocalStorage<EntityManager>();
    const store = await tempStore(kind);
    const transactions = () => storage.getStore() ?? shop.dataSource.manager;
    const shop: Shop = await startShop(store, [Mails], { transactions });
    const { manager } = shop.dataSource;
    const send = (id: string) => shop.queue.for(Mails, { id }).send(id);
    const undoing = manager.transaction(async (inner) => {
      await storage.run(inner, () => send('ann'));
      throw new Error('undo');
    });
    await expect(undoing).rejects.toThrow('undo');
    expect(await shop.queue.getTask('ann')).toBeNull();
    const handle = await manager.transaction((inner) => storage.run(inner, () => send('bob')));
    expect(await handle.result(patience)).toBe('sent to bob');

    Object.assign(shop.queue.backend, {
      enqueueTasksIn: () => Promise.reject(new Error('a detour')),
    });
    expect(await (await send('cher')).result(patience)).toBe('sent to cher');
  });
});

describe('transactions', () => {
  const refusal = (starting: Promise<unknown>) =>
    starting.then(
      () => undefined,
      (error: unknown) => error as ConfigurationError,
    );

  test('need the package of the host', async () => {
    const missing = Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' });
    const finding = clsHostFinder({ get: () => undefined as never }, () => Promise.reject(missing));
    await expect(finding).rejects.toThrow(ConfigurationError);
    await expect(finding).rejects.toThrow(
      /not installed. Run: npm install @nestjs-cls\/transactional @nestjs-cls\/transactional-adapter-typeorm nestjs-cls$/,
    );
  });

  test('need a store that can join them', async () => {
    for (const transactions of ['join', () => undefined] as Transactions[]) {
      const backend = new EightMethodsBackend();
      const error = await refusal(startApp([], { backend, transactions }));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error?.message).toMatch(/EightMethodsBackend does not implement TransactionalBackend/);
    }
  });

  test('are one of three', async () => {
    const error = await refusal(startApp([], { transactions: true as never }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option: 'transactions', value: true });
    expect(error?.message).toMatch(/transactions is true. Give 'explicit', 'join' or a function/);
  });

  test('are managers', async () => {
    const other = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
    const { queue } = await startApp([Mails], { transactions: () => other as never });
    await expect(queue.for(Mails).send('ann')).rejects.toThrow(
      'transactions did not return an EntityManager or undefined',
    );
  });
});
