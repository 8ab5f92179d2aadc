import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import { ENDINGS, inAnHour, same, storedError, type Scene } from '../scene.js';

type Cancelling = Scene<Backend & CancellingBackend>;

export const cancelCases = {
  'cancels a waiting task at once': async (scene: Cancelling) => {
    for (const eta of [0, inAnHour()]) {
      const { id } = await scene.enqueue({ eta });
      assert.equal(await scene.backend.cancelTask(id), 'cancelled');
      assert.equal((await scene.result(id)).status, 'cancelled');
      assert.equal(typeof (await scene.task(id)).finishedAt, 'number');
    }
    same(await scene.claimIds(), []);
  },

  'marks a running task for its worker': async (scene: Cancelling) => {
    const { id } = await scene.running({}, 'worker-1');
    await scene.running({}, 'worker-2');
    same(await scene.backend.cancelRequests('worker-1'), []);
    assert.equal(await scene.backend.cancelTask(id), 'running');
    same(await scene.backend.cancelRequests('worker-1'), [id]);
    same(await scene.backend.cancelRequests('worker-2'), []);
    assert.equal(typeof (await scene.task(id)).cancelRequestedAt, 'number');
    assert.equal((await scene.result(id)).status, 'pending');
  },

  'lets the run decide the end': async (scene: Cancelling) => {
    for (const [state, end] of ENDINGS) {
      const { id, lease } = await scene.running();
      await scene.backend.cancelTask(id);
      await scene.backend.storeResult(id, end(lease));
      assert.equal((await scene.task(id)).status, state);
      same(await scene.backend.cancelRequests('worker-1'), []);
    }
  },

  'does not let a marked task back into its queue': async (scene: Cancelling) => {
    for (const giveBack of [false, true]) {
      const { id, lease } = await scene.running();
      await scene.backend.cancelTask(id);
      const error = storedError();
      await scene.backend.updateTaskStatus(id, 'queued', { lease, giveBack, error });
      const task = await scene.task(id);
      assert.equal(task.status, 'cancelled');
      assert.equal(typeof task.finishedAt, 'number');
    }
  },

  'changes nothing about a task that has ended': async (scene: Cancelling) => {
    for (const [state, end] of ENDINGS) {
      const { id, lease } = await scene.running();
      await scene.backend.storeResult(id, end(lease));
      const before = await scene.everythingAbout(id);
      assert.equal(await scene.backend.cancelTask(id), state);
      same(await scene.everythingAbout(id), before);
    }
  },

  'answers null when there is no such task': async ({ backend }: Cancelling) => {
    assert.equal(await backend.cancelTask('nobody'), null);
  },
};
