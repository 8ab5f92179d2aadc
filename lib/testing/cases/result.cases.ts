import assert from 'node:assert/strict';
import type { StoredResult } from '../../core/result.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { TaskNotFoundError } from '../../errors/task-not-found.error.js';
import { ENDINGS, matches, same, storedError, type Scene } from '../scene.js';

export const resultCases = {
  'is pending until the task has ended': async (scene: Scene) => {
    const task = await scene.enqueue();
    const pending: StoredResult = {
      taskId: task.id,
      status: 'pending',
      value: null,
      error: null,
      createdAt: task.createdAt,
      completedAt: null,
    };
    matches(await scene.result(task.id), pending);
    await scene.claim();
    matches(await scene.result(task.id), pending);
  },

  'keeps the value of a success': async (scene: Scene) => {
    const values = [null, '1', '"naïve 🎉 \\u0000"', JSON.stringify('x'.repeat(1024 * 1024 - 2))];
    for (const value of values) {
      const reserved = await scene.running();
      await scene.complete(reserved, value);
      const { id: taskId, createdAt } = reserved;
      const result = await scene.result(taskId);
      matches(result, { taskId, status: 'success', value, error: null, createdAt });
      assert.equal(typeof result.completedAt, 'number');
      const task = await scene.task(taskId);
      same([task.status, task.finishedAt], ['completed', result.completedAt]);
    }
  },

  'keeps the error of a failure': async (scene: Scene) => {
    const errors = [
      { name: 'TypeError', message: 'naïve 🎉 \u2400', stack: 'at x\nat y', code: 'E_BOOM' },
      { name: 'Error', message: '', stack: null },
      { name: 'Error', message: 'x'.repeat(64 * 1024), stack: 'y'.repeat(64 * 1024) },
    ];
    for (const error of errors) {
      const { id, lease } = await scene.running();
      await scene.backend.storeResult(id, { lease, status: 'failed', error });
      matches(await scene.result(id), { status: 'failed', value: null, error });
      assert.equal((await scene.task(id)).status, 'failed');
    }
  },

  'forgets the error of earlier attempts on success': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    await scene.backend.updateTaskStatus(id, 'queued', { lease, error: storedError() });
    const [again] = await scene.claim();
    await scene.complete(again!, '2');
    matches(await scene.result(id), { status: 'success', value: '2', error: null });
  },

  'ends a running task as cancelled': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    await scene.backend.storeResult(id, { lease, status: 'cancelled' });
    assert.equal((await scene.task(id)).status, 'cancelled');
    assert.equal((await scene.result(id)).status, 'cancelled');
  },

  'refuses a stale lease and changes nothing': async (scene: Scene) => {
    const { id, lease } = await scene.running();
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    for (const [, end] of ENDINGS) await refused(scene, id, end(lease)); // nobody runs it
    await scene.claim('worker-2');
    for (const [, end] of ENDINGS) await refused(scene, id, end(lease)); // another one does
    for (const [, end] of ENDINGS) await refused(scene, id, end(lease + 2)); // not yet handed out
  },

  'never changes a task that has ended': async (scene: Scene) => {
    for (const [, first] of ENDINGS) {
      const { id, lease } = await scene.running();
      await scene.backend.storeResult(id, first(lease));
      for (const [, second] of ENDINGS) await refused(scene, id, second(lease));
    }
  },

  'lets one of two settles with the same lease win': async (scene: Scene) => {
    const reserved = await scene.running();
    const settles = await Promise.allSettled([
      scene.complete(reserved, '1'),
      scene.complete(reserved, '2'),
    ]);
    const winners = settles.flatMap(({ status }, i) => (status === 'fulfilled' ? [i + 1] : []));
    assert.equal(winners.length, 1);
    assert.equal((await scene.result(reserved.id)).value, String(winners[0]));
  },

  'says when there is no such task': async ({ backend }: Scene) => {
    for (const [, end] of ENDINGS) {
      await assert.rejects(backend.storeResult('nobody', end(1)), TaskNotFoundError);
    }
  },
};

async function refused(
  scene: Scene,
  id: string,
  result: Parameters<Scene['backend']['storeResult']>[1],
): Promise<void> {
  const before = await scene.everythingAbout(id);
  await assert.rejects(scene.backend.storeResult(id, result), LeaseLostError);
  same(await scene.everythingAbout(id), before);
}
