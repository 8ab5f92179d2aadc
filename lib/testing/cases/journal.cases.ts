import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { JournalingBackend, LogLine } from '../../core/capabilities/journaling-backend.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { TaskNotFoundError } from '../../errors/task-not-found.error.js';
import { same, type Scene } from '../scene.js';

type Journaling = Scene<Backend & JournalingBackend>;

/** Lines that a store must keep of each task; the oldest are dropped. */
const KEPT = 1000;

export const journalCases = {
  'keeps the latest progress with the task': async (scene: Journaling) => {
    const { id, lease } = await scene.running();
    const other = await scene.running();
    await scene.backend.storeReport(id, { lease, progress: '10' });
    await scene.backend.storeReport(id, { lease, progress: '{"done":2,"of":"naïve 🎉"}' });
    await scene.backend.storeReport(id, { lease, lines: [line('no progress here')] });
    assert.equal((await scene.task(id)).progress, '{"done":2,"of":"naïve 🎉"}');
    assert.equal((await scene.task(other.id)).progress, null);
  },

  'keeps log lines oldest first, over all attempts': async (scene: Journaling) => {
    const { id, lease } = await scene.running();
    const lines = [line('one', 1, 30), line('two', 1, 20), line('naïve 🎉', 1, 20)];
    await scene.backend.storeReport(id, { lease, lines: lines.slice(0, 1) });
    await scene.backend.storeReport(id, { lease, lines: lines.slice(1) });
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    const [again] = await scene.claim();
    const last = line('again', 2, 50);
    await scene.backend.storeReport(id, { lease: again!.lease, lines: [last] });
    await scene.complete(again!);
    same(plain(await scene.backend.getLog(id)), [...lines, last]);
  },

  'keeps a thousand lines and drops the oldest': async (scene: Journaling) => {
    const { id, lease } = await scene.running();
    const lines = Array.from({ length: KEPT + 50 }, (_, i) => line(`line ${i}`));
    await scene.backend.storeReport(id, { lease, lines: lines.slice(0, KEPT - 10) });
    await scene.backend.storeReport(id, { lease, lines: lines.slice(KEPT - 10) });
    same(plain(await scene.backend.getLog(id)), lines.slice(50));
  },

  'tells no lines from null': async (scene: Journaling) => {
    const { id } = await scene.enqueue();
    same(await scene.backend.getLog(id), []);
    assert.equal(await scene.backend.getLog('nobody'), null);
  },

  'refuses a stale lease and changes nothing': async (scene: Journaling) => {
    const { id, lease } = await scene.running();
    await scene.backend.storeReport(id, { lease, progress: '1', lines: [line('kept')] });
    const stale = { lease, progress: '2', lines: [line('dropped')] };
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    await assert.rejects(scene.backend.storeReport(id, stale), LeaseLostError);
    const [again] = await scene.claim('worker-2');
    await assert.rejects(scene.backend.storeReport(id, stale), LeaseLostError);
    await scene.complete(again!);
    await assert.rejects(scene.backend.storeReport(id, stale), LeaseLostError);
    assert.equal((await scene.task(id)).progress, '1');
    same(plain(await scene.backend.getLog(id)), [line('kept')]);
  },

  'says when there is no such task': async ({ backend }: Journaling) => {
    const report = { lease: 1, progress: '1' };
    await assert.rejects(backend.storeReport('nobody', report), TaskNotFoundError);
  },
};

function line(text: string, attempt = 1, at = 1_700_000_000_000): LogLine {
  return { at, attempt, line: text };
}

function plain(lines: LogLine[] | null): LogLine[] {
  return (lines ?? []).map((each) => ({ ...each }));
}
