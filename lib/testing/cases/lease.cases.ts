import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../../core/backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import type { CountingBackend } from '../../core/capabilities/counting-backend.js';
import type {
  LeasingBackend,
  RescuedTask,
  WorkerRegistration,
} from '../../core/capabilities/leasing-backend.js';
import type { ReservedTask } from '../../core/task.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { eventually, matches, same, WORKER, type Scene } from '../scene.js';

type Leasing = Scene<Backend & LeasingBackend>;

/** Long enough that no case outlives it, short enough to wait for. */
export const LONG = { lease: 600_000, inFlight: 0, stuck: 0, lingering: {}, loopLag: null };
export const SHORT = { ...LONG, lease: 30 };

export const leaseCases = {
  'leaves the tasks of a live worker alone': async (scene: Leasing) => {
    await scene.backend.registerWorker(worker(), LONG);
    const reserved = await scene.running();
    same(await scene.backend.rescueTasks(), []);
    await scene.complete(reserved);
    assert.equal((await scene.task(reserved.id)).status, 'completed');
  },

  'rescues a task whose worker fell silent; its attempt stays spent': async (scene: Leasing) => {
    const { id, name } = await lost(scene);
    same(await rescued(scene), { id, name, workerId: WORKER, attempt: 1, status: 'queued' });
    matches(await scene.task(id), { status: 'queued', attempt: 1, workerId: null });
    assert.ok((await scene.result(id)).error, 'the result does not tell why the attempt was lost');
  },

  'refuses what the silent worker writes late': async (scene: Leasing) => {
    const reserved = await lost(scene);
    await rescued(scene);
    await assert.rejects(scene.complete(reserved, '"late"'), LeaseLostError);
    await scene.backend.registerWorker(worker('worker-2'), LONG);
    const [again] = await scene.claim('worker-2');
    assert.ok(again && again.lease > reserved.lease, 'the lease did not rise');
    assert.equal(again.attempt, 2);
    await assert.rejects(scene.complete(reserved, '"late"'), LeaseLostError);
    await scene.complete(again, '"in time"');
    assert.equal((await scene.result(reserved.id)).value, '"in time"');
  },

  'fails a task that costs its worker the last attempt': async (scene: Leasing) => {
    const { id } = await lost(scene, { maxAttempts: 1 });
    assert.equal((await rescued(scene)).status, 'failed');
    const task = await scene.task(id);
    same([task.status, typeof task.finishedAt], ['failed', 'number']);
    const result = await scene.result(id);
    assert.equal(result.status, 'failed');
    assert.ok(result.error, 'the result does not tell why the task failed');
    same(await scene.claimIds(), []);
  },

  'rescues each task once, however many look': async (scene: Leasing) => {
    const ids = new Set<string>();
    for (let i = 0; i < 10; i += 1) ids.add((await lost(scene)).id);
    const found: RescuedTask[] = [];
    await eventually('the rescue of ten tasks', async () => {
      const looks = await Promise.all([1, 2, 3].map(() => scene.backend.rescueTasks()));
      found.push(...looks.flat());
      return found.length >= ids.size ? true : undefined;
    });
    same(found.map((task) => task.id).sort(), [...ids].sort());
  },

  'leaves a silent worker alone when only those that are gone are asked for': async (
    scene: Leasing,
  ) => {
    const { id } = await lost(scene);
    await sleep(3 * SHORT.lease);
    same(await scene.backend.rescueTasks(undefined, true), []);
    matches(await scene.task(id), { status: 'running', workerId: WORKER });
    assert.equal((await rescued(scene)).id, id);
  },

  'knows by renewing whether the registration holds': async ({ backend }: Leasing) => {
    assert.equal(await backend.renewWorker(WORKER, LONG), false);
    await backend.registerWorker(worker(), LONG);
    assert.equal(await backend.renewWorker(WORKER, LONG), true);
    await backend.retireWorker(WORKER);
    assert.equal(await backend.renewWorker(WORKER, LONG), false);
  },

  'holds as long as it is renewed': async (scene: Leasing) => {
    const kept = await lost(scene);
    assert.equal(await scene.backend.renewWorker(WORKER, LONG), true);
    const gone = await lost(scene, {}, 'worker-2');
    assert.equal((await rescued(scene)).id, gone.id);
    assert.equal((await scene.task(kept.id)).status, 'running');
  },

  'tells a worker whose tasks were handed on': async (scene: Leasing) => {
    await lost(scene);
    await rescued(scene);
    assert.equal(await scene.backend.renewWorker(WORKER, LONG), false);
    await scene.backend.registerWorker(worker(), LONG);
    assert.equal(await scene.backend.renewWorker(WORKER, LONG), true);
  },

  'hands out once what is claimed while a worker registers again': async (scene: Leasing) => {
    const { backend } = scene;
    await backend.registerWorker(worker(), LONG);
    for (let round = 0; round < 20; round += 1) {
      const { id } = await scene.running();
      await backend.renewWorker(WORKER, SHORT);
      await rescued(scene);
      assert.equal(await backend.renewWorker(WORKER, LONG), false);
      const claimed: ReservedTask[] = [];
      const registering = backend.registerWorker(worker(), LONG);
      while (claimed.length === 0) claimed.push(...(await claimIfRegistered(scene)));
      await registering;
      for (let look = 0; look < 2; look += 1) claimed.push(...(await scene.claim()));
      same(
        claimed.map((task) => task.id),
        [id],
      );
      await scene.complete(claimed[0]!);
    }
  },
};

export const leaseAndCancelCases = {
  'ends a task that was to be cancelled anyway': async (
    scene: Scene<Backend & LeasingBackend & CancellingBackend>,
  ) => {
    const { id } = await lost(scene);
    await scene.backend.cancelTask(id);
    assert.equal((await rescued(scene)).status, 'cancelled');
    assert.equal((await scene.result(id)).status, 'cancelled');
  },
};

export const leaseAndCountCases = {
  'counts the stuck handlers that workers report': async ({
    backend,
  }: Scene<Backend & LeasingBackend & CountingBackend>) => {
    await backend.registerWorker(worker('a'), { ...LONG, stuck: 1 });
    await backend.registerWorker(worker('b'), LONG);
    await backend.renewWorker('b', { ...LONG, inFlight: 5, stuck: 2 });
    assert.equal((await backend.counts()).stuck, 3);
    await backend.retireWorker('b');
    assert.equal((await backend.counts()).stuck, 1);
  },
};

/** A task that runs on a worker whose registration is about to run out. */
export async function lost(scene: Leasing, parts = {}, workerId = WORKER): Promise<ReservedTask> {
  // Its lease is long until it has claimed, however slow the machine is.
  await scene.backend.registerWorker(worker(workerId), LONG);
  const reserved = await scene.running(parts, workerId);
  await scene.backend.renewWorker(workerId, SHORT);
  return reserved;
}

/** Looks until something is rescued. */
export function rescued(scene: Leasing): Promise<RescuedTask> {
  return eventually('the rescue', async () => (await scene.backend.rescueTasks())[0]);
}

async function claimIfRegistered(scene: Leasing): Promise<ReservedTask[]> {
  try {
    return await scene.claim();
  } catch (error) {
    if (error instanceof LeaseLostError) return [];
    throw error;
  }
}

export function worker(id = WORKER): WorkerRegistration {
  return {
    id,
    host: 'conformance',
    pid: process.pid,
    processIdentity: null,
    version: '1.2.3',
    queues: null,
    handlers: ['Handlers.run'],
    limits: {},
    concurrency: 10,
  };
}
