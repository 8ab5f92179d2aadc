import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { JournalingBackend } from '../../core/capabilities/journaling-backend.js';
import type { PruningBackend } from '../../core/capabilities/pruning-backend.js';
import type { ReservedTask } from '../../core/task.js';
import { ENDINGS, hourAgo, inAnHour, same, type Scene } from '../scene.js';

type Pruning = Scene<Backend & PruningBackend>;

/** One task of each final state, in the order of {@link ENDINGS}. */
async function endOneEach(scene: Pruning): Promise<ReservedTask[]> {
  const tasks: ReservedTask[] = [];
  for (const [, end] of ENDINGS) {
    const task = await scene.running();
    await scene.backend.storeResult(task.id, end(task.lease));
    tasks.push(task);
  }
  return tasks;
}

export const pruneCases = {
  'removes ended tasks of the given states, with their results': async (scene: Pruning) => {
    const [completed, failed, cancelled] = await endOneEach(scene);
    const limits = { completed: inAnHour(), cancelled: inAnHour() };
    same(await scene.backend.pruneTasks(limits, 100), 2);
    for (const gone of [completed!, cancelled!]) {
      same(await scene.backend.getTask(gone.id), null);
      same(await scene.backend.getResult(gone.id), null);
    }
    same((await scene.task(failed!.id)).status, 'failed');
  },

  'keeps what ended after the limit, and what has not ended': async (scene: Pruning) => {
    await endOneEach(scene);
    const running = await scene.running();
    const waiting = await scene.enqueue();
    const old = { completed: hourAgo(), failed: hourAgo(), cancelled: hourAgo() };
    same(await scene.backend.pruneTasks(old, 100), 0);
    const all = { completed: inAnHour(), failed: inAnHour(), cancelled: inAnHour() };
    same(await scene.backend.pruneTasks(all, 100), 3);
    same((await scene.task(running.id)).status, 'running');
    same((await scene.task(waiting.id)).status, 'queued');
  },

  'removes no more than asked, the oldest first': async (scene: Pruning) => {
    const tasks = [await scene.running(), await scene.running(), await scene.running()];
    for (const task of tasks) await scene.complete(task);
    same(await scene.backend.pruneTasks({ completed: inAnHour() }, 2), 2);
    same(await scene.backend.pruneTasks({ completed: inAnHour() }, 2), 1);
    same(await scene.backend.pruneTasks({ completed: inAnHour() }, 2), 0);
    await endOneEach(scene);
    await endOneEach(scene);
    const all = { completed: inAnHour(), failed: inAnHour(), cancelled: inAnHour() };
    same(await scene.backend.pruneTasks(all, 3), 3);
    same(await scene.backend.pruneTasks(all, 100), 3);
  },
};

export const pruneAndJournalCases = {
  'removes the log with its task': async (
    scene: Scene<Backend & PruningBackend & JournalingBackend>,
  ) => {
    const task = await scene.running();
    const lines = [{ at: Date.now(), attempt: 1, line: 'hello' }];
    await scene.backend.storeReport(task.id, { lease: task.lease, progress: '50', lines });
    await scene.complete(task);
    assert.equal((await scene.backend.getLog(task.id))?.length, 1);
    await scene.backend.pruneTasks({ completed: inAnHour() }, 1);
    same(await scene.backend.getLog(task.id), null);
  },
};
