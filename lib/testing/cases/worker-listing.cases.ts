import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../../core/backend.js';
import type { LeasingBackend } from '../../core/capabilities/leasing-backend.js';
import type {
  StoredWorker,
  WorkerListingBackend,
} from '../../core/capabilities/worker-listing-backend.js';
import { eventually, matches, same, WORKER, type Scene } from '../scene.js';
import { LONG, SHORT, worker } from './lease.cases.js';

export type Listing = Scene<Backend & LeasingBackend & WorkerListingBackend>;

export const workerListingCases = {
  'lists nobody where nobody is registered': async ({ backend }: Listing) => {
    same(await backend.listWorkers(), []);
  },

  'keeps what a worker tells of itself': async ({ backend }: Listing) => {
    const told = {
      id: 'worker-1',
      host: 'naïve.example',
      pid: 4711,
      version: '7.8.9-beta.1',
      queues: ['mail', "it's"],
      handlers: ['A.run', 'B.run'],
      limits: { 'B.run': 2 },
      concurrency: 17,
    };
    const lingering = { 'B.run': 1 };
    const beat = { lease: 600_000, inFlight: 3, stuck: 2, lingering, loopLag: 1234 };
    await backend.registerWorker({ ...told, processIdentity: 'boot/1' }, beat);
    const [stored, ...others] = await backend.listWorkers();
    same(others, []);
    matches(stored, { ...told, running: {}, stuck: 2, lingering, loopLag: 1234, alive: true });
    assert.equal(stored!.expiresAt, stored!.lastBeatAt + 600_000);
    assert.equal(stored!.startedAt, stored!.lastBeatAt);
    assert.ok(Math.abs(stored!.startedAt - Date.now()) < 60_000, 'startedAt is not about now');
  },

  'tells what a worker leaves open': async ({ backend }: Listing) => {
    await backend.registerWorker({ ...worker(), queues: null, concurrency: null }, LONG);
    const [stored] = await backend.listWorkers();
    const nothing = { limits: {}, lingering: {}, loopLag: null };
    matches(stored, { queues: null, concurrency: null, ...nothing });
  },

  'tells what the last beat told': async ({ backend }: Listing) => {
    const lingering = { 'A.run': 2 };
    await backend.registerWorker(worker(), { ...LONG, stuck: 1, loopLag: 5 });
    const [before] = await backend.listWorkers();
    await sleep(5);
    await backend.renewWorker(WORKER, {
      ...LONG,
      lease: 700_000,
      stuck: 3,
      lingering,
      loopLag: 70,
    });
    const [after] = await backend.listWorkers();
    matches(after, { stuck: 3, lingering, loopLag: 70, startedAt: before!.startedAt });
    assert.ok(after!.lastBeatAt > before!.lastBeatAt, 'the beat was not noticed');
    assert.equal(after!.expiresAt, after!.lastBeatAt + 700_000);
  },

  'lists the oldest first': async ({ backend }: Listing) => {
    for (const id of ['worker-b', 'worker-c', 'worker-a']) {
      await backend.registerWorker(worker(id), LONG);
      await sleep(5);
    }
    await backend.renewWorker('worker-b', LONG);
    same(idsOf(await backend.listWorkers()), ['worker-b', 'worker-c', 'worker-a']);
  },

  'tells who is alive': async ({ backend }: Listing) => {
    await backend.registerWorker(worker('worker-1'), LONG);
    await sleep(5);
    await backend.registerWorker(worker('worker-2'), SHORT);
    const alive = async () => (await backend.listWorkers()).map((each) => each.alive);
    await eventually('the end of the lease', async () => (await alive())[1] === false || undefined);
    same(await alive(), [true, false]);
    await backend.renewWorker('worker-2', LONG);
    same(await alive(), [true, true]);
  },

  'counts what each worker runs, by handler': async (scene: Listing) => {
    const { backend } = scene;
    await backend.registerWorker(worker('worker-1'), LONG);
    await sleep(5);
    await backend.registerWorker(worker('worker-2'), LONG);
    const running = async () => (await backend.listWorkers()).map((each) => each.running);
    same(await running(), [{}, {}]);
    const a = await scene.running({ name: 'A.run' }, 'worker-1');
    await scene.running({ name: 'A.run' }, 'worker-1');
    await scene.running({ name: 'B.run' }, 'worker-1');
    await scene.running({ name: 'B.run' }, 'worker-2');
    same(await running(), [{ 'A.run': 2, 'B.run': 1 }, { 'B.run': 1 }]);
    await scene.complete(a);
    same(await running(), [{ 'A.run': 1, 'B.run': 1 }, { 'B.run': 1 }]);
  },

  'leaves out who has retired, and who was found dead': async ({ backend }: Listing) => {
    await backend.registerWorker(worker('worker-1'), LONG);
    await backend.registerWorker(worker('worker-2'), LONG);
    await backend.registerWorker(worker('worker-3'), SHORT);
    assert.equal((await backend.listWorkers()).length, 3);
    await backend.retireWorker('worker-1');
    await eventually('the end of the dead worker', async () => {
      await backend.rescueTasks();
      return (await backend.listWorkers()).length < 2 || undefined;
    });
    same(idsOf(await backend.listWorkers()), ['worker-2']);
  },
};

export const peerWorkerListingCases = {
  'either sees the workers of the other': async (one: Listing, other: Listing) => {
    await one.backend.registerWorker(worker('worker-1'), LONG);
    await sleep(5);
    await other.backend.registerWorker(worker('worker-2'), LONG);
    await one.running({}, 'worker-1');
    const seen = await other.backend.listWorkers();
    same(seen, await one.backend.listWorkers());
    same(idsOf(seen), ['worker-1', 'worker-2']);
    same(seen[0]!.running, { 'Handlers.run': 1 });
  },
};

function idsOf(workers: readonly StoredWorker[]): string[] {
  return workers.map((each) => each.id);
}
