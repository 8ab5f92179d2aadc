import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { BulkBackend } from '../../core/capabilities/bulk-backend.js';
import { ValidationError } from '../../errors/validation.error.js';
import { newTask, same, type Scene } from '../scene.js';

type Bulk = Scene<Backend & BulkBackend>;

export const bulkCases = {
  'stores many tasks in their order': async (scene: Bulk) => {
    const tasks = Array.from({ length: 333 }, (_, i) => newTask({ payload: `[${i}]` }));
    await scene.backend.enqueueTasks(tasks);
    const claimed = await scene.claim('worker-1', { maxTasks: 1000 });
    same(
      claimed.map((task) => task.payload),
      tasks.map((task) => task.payload),
    );
  },

  'keeps what each task has of its own, and what all have in common': async (scene: Bulk) => {
    const own = (n: number) => ({
      name: `own-${n % 2}`,
      queue: `queue-${n % 3}`,
      priority: n,
      eta: 1000 + n,
      maxAttempts: n % 2 ? n : null,
      timeout: n % 3 ? 100 + n : null,
      backoff: n % 2 ? null : `{"type":"fixed","delay":${n}}`,
      meta: n % 3 ? null : `{"n":"${n}"}`,
      createdAt: 2000 + n,
    });
    const alike = newTask();
    const bulks = [
      [0, 1, 2, 3, 4].map((n) => newTask(own(n))),
      [1, 2, 3].map((n) => newTask({ payload: `[${n}]` })),
      [1, 2, 3].map((n) => newTask({ ...own(3), payload: `[${n}]` })),
      [1, 2, 3].map((n) => newTask({ ...alike, ...own(4), id: `${alike.id}-${n}` })),
    ];
    for (const tasks of bulks) {
      await scene.backend.enqueueTasks(tasks);
      for (const task of tasks) {
        const stored = await scene.backend.getTask(task.id);
        for (const [field, value] of Object.entries(task)) {
          same([field, stored?.[field as keyof typeof stored]], [field, value]);
        }
      }
    }
  },

  'stores all or none': async (scene: Bulk) => {
    const taken = await scene.enqueue({ payload: '["first"]' });
    for (const at of [0, 30, 59]) {
      const tasks = Array.from({ length: 60 }, () => newTask());
      tasks[at] = { ...taken, payload: '["other"]' };
      await assert.rejects(scene.backend.enqueueTasks(tasks), ValidationError);
      for (const { id } of tasks) {
        const stored = await scene.backend.getTask(id);
        assert.equal(stored?.payload, id === taken.id ? '["first"]' : undefined);
      }
    }
    same(await scene.claimIds(), [taken.id]);
  },

  'does not take others down with a refused bulk': async (scene: Bulk) => {
    const taken = await scene.enqueue({ payload: '[1]' });
    const good = newTask();
    const [refused] = await Promise.allSettled([
      scene.backend.enqueueTasks([newTask(), { ...taken, payload: '[2]' }]),
      scene.backend.enqueueTasks([good]),
    ]);
    assert.equal(refused?.status, 'rejected');
    same(await scene.claimIds(), [taken.id, good.id]);
  },

  'knows a repeated task': async (scene: Bulk) => {
    const task = await scene.enqueue();
    const other = newTask();
    await scene.backend.enqueueTasks([other, task, other]);
    same(await scene.claimIds(), [task.id, other.id]);
  },

  'takes an empty list': async (scene: Bulk) => {
    await scene.backend.enqueueTasks([]);
    same(await scene.claimIds(), []);
  },
};
