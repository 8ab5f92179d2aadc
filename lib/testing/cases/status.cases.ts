import assert from 'node:assert/strict';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { TaskNotFoundError } from '../../errors/task-not-found.error.js';
import { ValidationError } from '../../errors/validation.error.js';
import { ENDINGS, inAnHour, matches, same, storedError, type Scene } from '../scene.js';

export const statusCases = {
  'queues a failed attempt again, which stays spent': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    const error = storedError('no connection');
    const eta = inAnHour();
    await scene.backend.updateTaskStatus(id, 'queued', { lease, eta, error });
    const queued = { status: 'queued', attempt: 1, eta, workerId: null, finishedAt: null } as const;
    matches(await scene.task(id), queued);
    matches(await scene.result(id), { status: 'pending', error });
    same(await scene.claimIds(), []);
  },

  'gives an attempt back on snooze and shutdown': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    await scene.backend.updateTaskStatus(id, 'queued', { lease, giveBack: true });
    assert.equal((await scene.task(id)).attempt, 0);
    const [again] = await scene.claim();
    same([again?.id, again?.attempt, again?.lease], [id, 1, lease + 1]);
  },

  'keeps the eta when none is given': async (scene: Scene) => {
    const { id, lease, eta } = await scene.running();
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    assert.equal((await scene.task(id)).eta, eta);
    same(await scene.claimIds(), [id]);
  },

  'cancels a waiting task': async (scene: Scene) => {
    const { id } = await scene.enqueue();
    await scene.backend.updateTaskStatus(id, 'cancelled');
    const task = await scene.task(id);
    assert.equal(task.status, 'cancelled');
    assert.equal(typeof task.finishedAt, 'number');
    assert.equal((await scene.result(id)).status, 'cancelled');
    same(await scene.claimIds(), []);
  },

  'refuses a stale lease and changes nothing': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    const changes = [{ lease, eta: 1, giveBack: true, error: storedError() }, { lease: lease + 1 }];
    for (const change of changes) await refused(scene, id, change);
    await scene.claim('worker-2');
    await refused(scene, id, changes[0]!);
  },

  'refuses what the state does not allow': async (scene: Scene) => {
    const { id } = await scene.running();
    const before = await scene.everythingAbout(id);
    await assert.rejects(scene.backend.updateTaskStatus(id, 'cancelled'), ValidationError);
    await assert.rejects(scene.backend.updateTaskStatus(id, 'queued'), ValidationError);
    same(await scene.everythingAbout(id), before);
  },

  'never changes a task that has ended': async (scene: Scene) => {
    for (const [state, end] of ENDINGS) {
      const { id, lease } = await scene.running();
      await scene.backend.storeResult(id, end(lease));
      const before = await scene.everythingAbout(id);
      await assert.rejects(scene.backend.updateTaskStatus(id, 'queued', { lease }), LeaseLostError);
      await assert.rejects(scene.backend.updateTaskStatus(id, 'queued'), ValidationError);
      await assert.rejects(scene.backend.updateTaskStatus(id, 'cancelled'), ValidationError);
      same(await scene.everythingAbout(id), before, `a ${state} task changed`);
      same(await scene.claimIds(), []);
    }
  },

  'says when there is no such task': async ({ backend }: Scene) => {
    await assert.rejects(backend.updateTaskStatus('nobody', 'cancelled'), TaskNotFoundError);
    await assert.rejects(
      backend.updateTaskStatus('nobody', 'queued', { lease: 1 }),
      TaskNotFoundError,
    );
  },
};

async function refused(scene: Scene, id: string, change: { lease: number }): Promise<void> {
  const before = await scene.everythingAbout(id);
  await assert.rejects(scene.backend.updateTaskStatus(id, 'queued', change), LeaseLostError);
  same(await scene.everythingAbout(id), before);
}
