import { TaskQueue, TypeOrmBackend } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPgbouncer, Pgbouncer } from './app/databases/pgbouncer.js';
import { eventually } from './app/eventually.js';
import { Scene } from './app/processes/scene.js';
import { Lines } from './app/start-app.js';
import { createStore, type Store } from './app/stores.js';

/** So long that whatever comes in time did not come by polling. */
const NO_POLL = 60_000;
const SOON = { timeout: '20s' } as const;

// Debian: apt-get install pgbouncer
(findPgbouncer() ? describe : describe.skip)('behind pgbouncer', () => {
  let store: Store & { readonly options: { readonly type: 'postgres'; readonly url: string } };
  let scene: Scene;
  let pooler: Pgbouncer;
  let lines: Lines;
  let backend: TypeOrmBackend;

  async function behind(mode: 'transaction' | 'session', more: { listen?: boolean }) {
    store = (await createStore('postgres')) as typeof store;
    scene = new Scene(store);
    pooler = await Pgbouncer.start(store.options.url, mode);
    lines = new Lines();
    backend = new TypeOrmBackend({ ...options(more), logger: lines });
    await backend.open();
    return new TaskQueue({ backend });
  }

  function options(more: { listen?: boolean }) {
    return { ...store.options, url: pooler.url, ...more };
  }

  afterEach(async () => {
    await backend.close();
    await scene.close();
    await pooler.close();
  });

  test('in transaction mode, without listening: nothing is lost, and nothing to say', async () => {
    const queue = await behind('transaction', { listen: false });
    const more = { store: options({ listen: false }), log: true };
    const workers = await Promise.all(
      ['one', 'two'].map((name) => scene.worker(name, { pollInterval: 100 }, more).ready()),
    );
    const enqueueInTurn = async (from: number) => {
      for (let n = from; n < from + 25; n += 1) {
        await queue.enqueue('ProcessTasks.work', [0], { id: `task-${n}` });
      }
    };
    await Promise.all([0, 25, 50, 75].map(enqueueInTurn));
    await queue.enqueueMany(
      'ProcessTasks.work',
      Array.from({ length: 100 }, () => [0]),
    );
    const counts = () => queue.counts();
    await eventually(async () => (await counts()).completed === 200, 20_000);
    expect(await counts()).toMatchObject({ queued: 0, running: 0, failed: 0 });
    expect(scene.readLedger().filter(({ step }) => step === 'start')).toHaveLength(200);
    expect(lines.all).toEqual([]);
    for (const { output } of workers) expect(output).not.toMatch(/WARN|ERROR/);
  });

  test('in transaction mode it notices that nobody wakes it, says what to do, and polls', async () => {
    const queue = await behind('transaction', {});
    const more = { store: options({}) };
    const worker = await scene.worker('worker', { pollInterval: 300 }, more).ready();
    await eventually(async () => lines.all.length > 0, 20_000);
    expect(lines.all).toEqual([
      expect.stringMatching(/^warn .*cannot wake this one.*transaction mode set listen: false/),
    ]);
    const task = await queue.enqueue('ProcessTasks.work', [0]);
    expect(await task.result(SOON)).toMatchObject({ worker: worker.config.name });
    expect(lines.all).toHaveLength(1);
  });

  test('in session mode it is woken', async () => {
    const queue = await behind('session', {});
    const more = { store: options({}), log: true };
    const worker = await scene.worker('worker', { pollInterval: NO_POLL }, more).ready();
    const task = await queue.enqueue('ProcessTasks.work', [0]);
    expect(await task.result(SOON)).toMatchObject({ worker: worker.config.name });
    await sleep(4000); // it would be said when the first echo is overdue
    expect(lines.all).toEqual([]);
    expect(worker.output).not.toMatch(/WARN|ERROR/);
  });
});
