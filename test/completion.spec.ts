import { Injectable } from '@nestjs/common';
import {
  Backend,
  LeaseLostError,
  Task,
  TaskContext,
  TransactionRolledBackError,
  TypeOrmBackend,
  ValidationError,
  type TaskHandle,
} from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntityManager } from 'typeorm';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { Recorder } from './app/recorder.plugin.js';
import { Order, startShop, typeOrmOptions, type Shop } from './app/shop.js';
import { startApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { TcpProxy } from './app/tcp-proxy.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '50s' } as const;

type Script = (shop: DataSource, run: TaskContext, argument: string) => unknown;

/** A handler that does what the test says. */
@Injectable()
class Scripted {
  script: Script = () => undefined;

  constructor(
    readonly run: TaskContext,
    readonly dataSource: DataSource,
  ) {}

  @Task({ attempts: 3, backoff: 0 })
  perform(argument: string): unknown {
    return this.script(this.dataSource, this.run, argument);
  }

  @Task({ attempts: 1 })
  once(argument: string): unknown {
    return this.script(this.dataSource, this.run, argument);
  }

  @Task({ attempts: 1, timeout: 50 })
  briefly(argument: string): unknown {
    return this.script(this.dataSource, this.run, argument);
  }
}

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  let shop: Shop;
  let recorder: Recorder;

  const start = async (script: Script, worker = {}, rows: Store = store) => {
    recorder = new Recorder();
    shop = await startShop(rows, [Scripted], { plugins: [recorder], worker });
    shop.module.get(Scripted).script = script;
    return shop.queue.for(Scripted);
  };
  const orders = async () => (await shop.dataSource.manager.find(Order)).map(({ id }) => id).sort();
  const insert = (manager: EntityManager, id: string) => manager.insert(Order, { id });
  const task = ({ id }: { id: string }) => shop.queue.getTask(id);
  const warnings = () => shop.lines.ofSitq.filter((line) => /^(warn|error)/.test(line));
  /** The same store as another process has it. */
  const peer = async () => {
    const backend = new TypeOrmBackend(store.options);
    await backend.open();
    peers.push(backend);
    return backend;
  };
  const peers: TypeOrmBackend[] = [];
  /** What happens when a worker is taken for dead. */
  const expireWorkers = async () => {
    const sql = await store.sql();
    await sql.run(
      'UPDATE sitq_worker SET expires_at = started_at, lease = 0, process_identity = NULL',
    );
    await sql.close();
  };

  beforeEach(async () => void (store = await tempStore(kind)));
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((backend) => backend.close()));
  });

  describe('complete', () => {
    test('commits with what else the transaction wrote', async () => {
      const queue = await start(async (dataSource, run, name) => {
        await dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, { paid: name });
          expect((await task(run.task))?.status).toBe('running');
        });
        await gate.opened;
        return 'something else';
      });
      const gate = new Gate();
      const told = new Gate<readonly string[] | null>(); // without it, whoever waits would only poll
      (shop.module.get(Backend) as TypeOrmBackend).onChange((change) => {
        if (change.kind === 'settled') told.open(change.taskIds);
      });
      const handle = await queue.perform('ann');
      expect(await told.opened).toEqual([handle.id]);
      expect(await handle.result(patience)).toEqual({ paid: 'ann' });
      expect(await task(handle)).toMatchObject({ status: 'completed', attempt: 1 });
      gate.open();
      expect(await recorder.outcome(handle)).toMatchObject({
        kind: 'completed',
        value: { paid: 'ann' },
      });
      await sleep(50);
      expect(await recorder.outcomes(handle)).toHaveLength(1);
      expect(await handle.result()).toEqual({ paid: 'ann' });
      expect(await orders()).toEqual(['ann']);
      expect(shop.worker.stats()).toMatchObject({ inFlight: 0, refused: 0 });
      expect(warnings()).toEqual([]);
    });

    test('without a value resolves to undefined', async () => {
      const queue = await start((dataSource, run) =>
        dataSource.transaction((manager) => run.complete(manager)),
      );
      expect(await (await queue.perform('ann')).result(patience)).toBeUndefined();
    });

    test('goes with a rollback, and the attempt fails as ever', async () => {
      const queue = await start((dataSource, run, name) =>
        dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, `attempt ${run.attempt}`);
          if (run.attempt < 3) throw new Error('declined');
        }),
      );
      const handle = await queue.perform('ann');
      expect(await handle.result(patience)).toBe('attempt 3');
      const outcomes = await recorder.outcomes(handle, 3);
      expect(outcomes.map(({ kind: end }) => end)).toEqual(['retry', 'retry', 'completed']);
      expect(outcomes[0]).toMatchObject({ error: { message: 'declined' } });
      expect(await orders()).toEqual(['ann']);
    });

    test('counts whatever its handler throws after the commit', async () => {
      const queue = await start(async (dataSource, run, name) => {
        await dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
        });
        throw new Error('the receipt printer is out of paper');
      });
      const handle = await queue.perform('ann');
      expect(await handle.result(patience)).toBe('paid');
      expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed', value: 'paid' });
      await sleep(50);
      expect(await recorder.outcomes(handle)).toHaveLength(1);
      expect(await task(handle)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(warnings()).toEqual([
        `warn Task Scripted.perform ${handle.id} was completed in a transaction; how its run ended ` +
          `afterwards changes nothing: Error: the receipt printer is out of paper [Sitq]`,
      ]);
    });

    test('fails the attempt when the handler hides that nothing was committed', async () => {
      const queue = await start(async (dataSource, run, name) => {
        const paying = dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
          throw new Error('declined');
        });
        await paying.catch(() => undefined);
        return 'all is well';
      });
      const handle = await queue.once('ann');
      await expect(handle.result(patience)).rejects.toMatchObject({
        errorName: 'TransactionRolledBackError',
        errorMessage: expect.stringContaining('in which it completed the task did not commit'),
      });
      const { error } = (await recorder.outcome(handle)) as { error: unknown };
      expect(error).toBeInstanceOf(TransactionRolledBackError);
      expect(await orders()).toEqual([]);
    });

    test('may be called again when the transaction has rolled back', async () => {
      const queue = await start(async (dataSource, run, name) => {
        const pay = (fails: boolean) =>
          dataSource.transaction(async (manager) => {
            await insert(manager, name);
            await run.complete(manager, `fails: ${fails}`);
            if (fails) throw new Error('could not serialize access');
          });
        await pay(true).catch(() => pay(false));
      });
      const handle = await queue.once('ann');
      expect(await handle.result(patience)).toBe('fails: false');
      expect(await recorder.outcomes(handle)).toHaveLength(1);
      expect(await orders()).toEqual(['ann']);
    });

    test('may be called again when its savepoint was rolled back', async () => {
      const queue = await start((dataSource, run, name) =>
        dataSource.transaction(async (manager) => {
          const inner = manager.transaction(async (nested) => {
            await run.complete(nested, 'inner');
            throw new Error('undo');
          });
          await inner.catch(() => undefined);
          await insert(manager, name);
          if (name === 'again') await run.complete(manager, 'outer');
        }),
      );
      expect(await (await queue.once('again')).result(patience)).toBe('outer');
      await expect((await queue.once('never')).result(patience)).rejects.toMatchObject({
        errorName: 'TransactionRolledBackError',
      });
    });

    test('may be called once', async () => {
      const refusals: unknown[] = [];
      const note = (error: unknown) => void refusals.push(error);
      const queue = await start(async (dataSource, run) => {
        await dataSource.transaction(async (manager) => {
          await run.complete(manager, 1);
          await run.complete(manager, 2).catch(note);
          // Would wait for the first one's row, which waits for this.
          await dataSource.transaction((other) => run.complete(other, 3)).catch(note);
        });
        await dataSource.transaction((manager) => run.complete(manager, 4)).catch(note);
      });
      const handle = await queue.once('ann');
      expect(await handle.result(patience)).toBe(1);
      await recorder.outcome(handle);
      expect(refusals).toHaveLength(3);
      for (const refusal of refusals) {
        expect(refusal).toBeInstanceOf(ValidationError);
        expect(String(refusal)).toContain(`complete was called twice for task ${handle.id}`);
      }
    });

    test('is not for what snoozes', async () => {
      const queue = await start(async (dataSource, run) => {
        if (run.task.eta > run.task.createdAt) return 'slept';
        await Promise.resolve()
          .then(() => run.snooze(20))
          .catch(() => undefined);
        const completing = dataSource.transaction((manager) => run.complete(manager, 'awake'));
        await expect(completing).rejects.toThrow(/after snooze. Do one of the two/);
        return 'snores';
      });
      expect(await (await queue.once('ann')).result(patience)).toBe('slept');
    });

    test('refuses a value that cannot be kept', async () => {
      const queue = await start((dataSource, run, name) =>
        dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, { receipt: { print: () => undefined } });
        }),
      );
      await expect((await queue.once('ann')).result(patience)).rejects.toMatchObject({
        errorName: 'SerializationError',
        errorMessage: expect.stringContaining('result.receipt.print cannot be kept'),
      });
      expect(await orders()).toEqual([]);
    });

    test('needs a transaction', async () => {
      const queue = await start(async (dataSource, run) => {
        const { manager } = dataSource;
        const refusals: string[] = [];
        const note = (error: unknown) => refusals.push(String(error));
        await run.complete(manager, 1).catch(note);
        await run.fence(manager).catch(note);
        // Nor is that of another one its own.
        await dataSource.transaction(() => run.complete(manager, 1).catch(note));
        return refusals;
      });
      const refusal = expect.stringContaining('manager is in no transaction. Give the EntityMan');
      const refusals = await (await queue.once('ann')).result(patience);
      expect(refusals).toEqual([refusal, refusal, refusal]);
    });

    test('follows a transaction that nobody waits for', async () => {
      const completed = new Gate();
      const gate = new Gate();
      const queue = await start(async (dataSource, run, name) => {
        void dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
          completed.open();
          await gate.opened;
        });
        await completed.opened;
        return 'gone already';
      });
      const handle = await queue.once('ann');
      await completed.opened;
      await sleep(100);
      expect(shop.worker.stats()).toMatchObject({ inFlight: 1 });
      gate.open();
      expect(await handle.result(patience)).toBe('paid');
      expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed', value: 'paid' });
    });

    test('keeps what the run reports before and after', async () => {
      const queue = await start(async (dataSource, run) => {
        run.log('before');
        await dataSource.transaction(async (manager) => {
          await run.complete(manager, 'paid');
          run.log('within');
        });
        run.log('after');
        run.progress('done');
      });
      const handle = await queue.perform('ann');
      await recorder.outcome(handle);
      const log = () => shop.queue.getLog(handle.id);
      await eventually(async () => (await log()).length === 3);
      expect((await log()).map(({ line }) => line)).toEqual(['before', 'within', 'after']);
      expect((await task(handle))?.progress).toBe('done');
      expect(shop.worker.stats()).toMatchObject({ refused: 0 });
    });

    test('stands although a cancel was asked for', async () => {
      const started = new Gate();
      const queue = await start(async (dataSource, run) => {
        started.open();
        await new Promise((resolve) => run.signal.addEventListener('abort', resolve));
        await dataSource.transaction((manager) => run.complete(manager, 'too late'));
        run.signal.throwIfAborted();
      });
      const handle = await queue.perform('ann');
      await started.opened;
      await handle.cancel();
      expect(await handle.result(patience)).toBe('too late');
      expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed' });
    });

    test('stands although the handler outstays its timeout', async () => {
      const gate = new Gate();
      const worker = { timeoutGrace: 50 };
      const queue = await start(async (dataSource, run, name) => {
        await dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
        });
        await gate.opened;
      }, worker);
      const handle = await queue.briefly('ann');
      expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed', value: 'paid' });
      expect(shop.worker.stats()).toMatchObject({ stuck: 1 });
      gate.open();
      await eventually(async () => shop.worker.stats()?.inFlight === 0);
      expect(await task(handle)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await recorder.outcomes(handle)).toHaveLength(1);
    });

    test('stands although the worker gives up on the handler', async () => {
      const committed = new Gate();
      const queue = await start(async (dataSource, run, name) => {
        await dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
        });
        committed.open();
        await new Promise(() => undefined);
      });
      const handle = await queue.perform('ann');
      await committed.opened;
      const look = await peer();
      await shop.close();
      expect(await look.getTask(handle.id)).toMatchObject({ status: 'completed', attempt: 1 });
    });

    test('is refused when the task was handed on, and the transaction rolls back', async () => {
      const gate = new Gate();
      const started = new Gate();
      const reasons: unknown[] = [];
      const queue = await start(async (dataSource, run, name) => {
        if (run.attempt > 1) return `attempt ${run.attempt}`;
        started.open();
        await gate.opened;
        await dataSource
          .transaction(async (manager) => {
            await insert(manager, name);
            await run.complete(manager, 'late');
          })
          .catch((error: unknown) => reasons.push(error, run.signal.reason));
        return 'hushed up';
      });
      const handle = await queue.perform('ann');
      await started.opened;
      await expireWorkers();
      const other = await peer();
      expect(await other.rescueTasks()).toMatchObject([{ id: handle.id, status: 'queued' }]);
      const [again] = await other.reserveTask('elsewhere');
      gate.open();
      await eventually(async () => shop.worker.stats()?.refused === 1);
      for (const reason of reasons) expect(reason).toBeInstanceOf(LeaseLostError);
      expect(reasons).toHaveLength(2);
      expect(await orders()).toEqual([]);
      expect(await task(handle)).toMatchObject({ status: 'running', workerId: 'elsewhere' });
      await other.storeResult(handle.id, { lease: again!.lease, status: 'success', value: '"ok"' });
    });

    test('keeps the task from being handed on until the commit', async () => {
      const completed = new Gate();
      const gate = new Gate();
      const queue = await start(async (dataSource, run, name) => {
        await dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
          completed.open();
          await gate.opened;
        });
      });
      const other = await peer();
      const handle = await queue.perform('ann');
      await completed.opened;
      // SQLite has one writer: there the look itself waits for the commit.
      const rescued = (kind === 'sqlite' ? Promise.resolve() : expireWorkers()).then(() =>
        other.rescueTasks('other'),
      );
      if (kind !== 'sqlite') expect(await rescued).toEqual([]);
      gate.open();
      expect(await rescued).toEqual([]);
      if (kind === 'sqlite') await expireWorkers();
      expect(await other.rescueTasks('other')).toEqual([]);
      expect(await handle.result(patience)).toBe('paid');
      expect(await recorder.outcome(handle)).toMatchObject({ kind: 'completed' });
      expect(await orders()).toEqual(['ann']);
    });
  });

  describe('fence', () => {
    test('lets a run that is not late commit', async () => {
      const queue = await start((dataSource, run, name) =>
        dataSource.transaction(async (manager) => {
          await run.fence(manager);
          await insert(manager, name);
          await run.fence(manager);
          return 'paid';
        }),
      );
      const handle = await queue.perform('ann');
      expect(await handle.result(patience)).toBe('paid');
      expect(await task(handle)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await orders()).toEqual(['ann']);
    });

    test('goes together with complete', async () => {
      const queue = await start((dataSource, run) =>
        dataSource.transaction(async (manager) => {
          await run.fence(manager);
          await run.complete(manager, 'paid');
          await run.fence(manager);
        }),
      );
      expect(await (await queue.once('ann')).result(patience)).toBe('paid');
    });

    test('is refused when the task was handed on, and the transaction rolls back', async () => {
      const gate = new Gate();
      const started = new Gate();
      const queue = await start(async (dataSource, run, name) => {
        if (run.attempt > 1) return `attempt ${run.attempt}`;
        started.open();
        await gate.opened;
        return dataSource.transaction(async (manager) => {
          await run.fence(manager);
          await insert(manager, name);
        });
      });
      const handle = await queue.perform('ann');
      await started.opened;
      await expireWorkers();
      const other = await peer();
      expect(await other.rescueTasks()).toMatchObject([{ id: handle.id, status: 'queued' }]);
      const [again] = await other.reserveTask('elsewhere');
      gate.open();
      await eventually(async () => shop.worker.stats()?.refused === 1);
      expect(await orders()).toEqual([]);
      await other.storeResult(handle.id, { lease: again!.lease, status: 'success', value: '"ok"' });
    });

    test('keeps the task from being handed on until the transaction has ended', async () => {
      const fenced = new Gate();
      const gate = new Gate();
      const committed = new Gate();
      const stay = new Gate();
      const queue = await start(async (dataSource, run, name) => {
        if (run.attempt > 1) return 'second';
        await dataSource.transaction(async (manager) => {
          await run.fence(manager);
          await insert(manager, name);
          run.progress('half');
          fenced.open();
          await gate.opened;
        });
        committed.open();
        return stay.opened;
      });
      const other = await peer();
      const handle = await queue.perform('ann');
      await fenced.opened;
      if (kind === 'sqlite') {
        // Not toThrow: the driver makes its errors in the realm of the spec that loaded it first.
        await expect(expireAtOnce()).rejects.toMatchObject({ message: 'database is locked' });
      } else {
        await expireWorkers();
        expect(await other.rescueTasks('other')).toEqual([]);
        // What the run itself writes does not wait.
        await eventually(async () => (await task(handle))?.progress === 'half');
      }
      gate.open();
      await committed.opened;
      if (kind === 'sqlite') await expireWorkers();
      expect(await other.rescueTasks('other')).toMatchObject([{ id: handle.id }]);
      stay.open();
      expect(await handle.result(patience)).toBe('second');
      expect(await orders()).toEqual(['ann']);
    });

    if (kind === 'postgres') {
      test('does not hold up who asks for a cancel', async () => {
        const gate = new Gate();
        const fenced = new Gate();
        const queue = await start(async (dataSource, run) => {
          await dataSource.transaction(async (manager) => {
            await run.fence(manager);
            fenced.open();
            await gate.opened;
          });
          await eventually(async () => run.signal.aborted);
          return 'committed';
        });
        const handle = await queue.perform('ann');
        await fenced.opened;
        expect(await (await peer()).cancelTask(handle.id)).toBe('running');
        gate.open();
        expect(await handle.result(patience)).toBe('committed');
      });
    }

    const expireAtOnce = async () => {
      const sql = await store.sql();
      try {
        await sql.query('PRAGMA busy_timeout = 0');
        await sql.run('UPDATE sitq_worker SET expires_at = started_at, lease = 0');
      } finally {
        await sql.close();
      }
    };
  });

  if (kind === 'postgres') {
    test('a COMMIT that the server turned into a rollback is none', async () => {
      const queue = await start((dataSource, run, name) =>
        dataSource.transaction(async (manager) => {
          await insert(manager, name);
          await run.complete(manager, 'paid');
          await manager.query('SELECT 1/0').catch(() => undefined);
        }),
      );
      await expect((await queue.once('ann')).result(patience)).rejects.toMatchObject({
        errorName: 'TransactionRolledBackError',
      });
      expect(await orders()).toEqual([]);
    });
  }

  if (kind !== 'sqlite') {
    describe('a connection that breaks at COMMIT', () => {
      let proxy: TcpProxy;
      let rows: DataSource;
      beforeEach(async () => {
        proxy = await TcpProxy.to((store.options as { url: string }).url);
        const options = typeOrmOptions({ ...store.options, url: proxy.url } as Store['options']);
        rows = await new DataSource(options).initialize();
      });
      afterEach(async () => {
        await rows.destroy();
        proxy.close();
      });

      test.each([
        ['before', 2],
        ['after', 1],
      ] as const)('%s the server has done it: the store decides', async (when, attempts) => {
        let broken: Promise<void> | undefined;
        const queue = await start(async (_, run, name) => {
          await rows.transaction(async (manager) => {
            await insert(manager, name);
            await run.complete(manager, `attempt ${run.attempt}`);
            broken ??= when === 'before' ? proxy.cutBefore('COMMIT') : proxy.cutAfter('COMMIT');
          });
        });
        const handle = await queue.perform('ann');
        expect(await handle.result(patience)).toBe(`attempt ${attempts}`);
        await broken;
        expect(await task(handle)).toMatchObject({ status: 'completed', attempt: attempts });
        expect((await recorder.outcomes(handle, attempts)).map(({ kind: end }) => end)).toEqual(
          attempts === 1 ? ['completed'] : ['retry', 'completed'],
        );
        expect(await orders()).toEqual(['ann']);
      });
    });
  }
});

describe('outside of a run', () => {
  test('there is nothing to complete and nothing to fence', async () => {
    const { manager } = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
    const run = new TaskContext();
    await expect(run.complete(manager, 1)).rejects.toThrow(ValidationError);
    await expect(run.complete(manager, 1)).rejects.toThrow('complete was called outside a task');
    await expect(run.fence(manager)).rejects.toThrow('fence was called outside a task');
  });
});

test('a store must be able to', async () => {
  const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' });
  const Source = { provide: DataSource, useValue: dataSource };
  const app = await startApp([Scripted, Source], { backend: new EightMethodsBackend() });
  const { queue, module } = app;
  module.get(Scripted).script = (_, run, name) =>
    name === 'complete' ? run.complete(dataSource.manager, 1) : run.fence(dataSource.manager);
  const failure = async (handle: TaskHandle<unknown>) =>
    handle.result(patience).then(String, (error: Error) => error.message);
  expect(await failure(await queue.for(Scripted).once('complete'))).toContain(
    'EightMethodsBackend cannot complete a task in a transaction: it does not implement Transa',
  );
  expect(await failure(await queue.for(Scripted).once('fence'))).toContain(
    'EightMethodsBackend cannot fence a run: it does not implement TransactionalBackend',
  );
});
