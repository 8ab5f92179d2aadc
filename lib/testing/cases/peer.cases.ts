import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import type { LeasingBackend } from '../../core/capabilities/leasing-backend.js';
import type { WakingBackend } from '../../core/capabilities/waking-backend.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { ValidationError } from '../../errors/validation.error.js';
import { eventually, newTask, same, type Scene } from '../scene.js';
import { lost, rescued } from './lease.cases.js';

export const peerCases = {
  'what one stored, the other runs': async (one: Scene, other: Scene) => {
    const { id } = await one.enqueue({ payload: '["naïve 🎉"]' });
    const [reserved] = await other.claim('worker-2');
    same([reserved?.id, reserved?.payload], [id, '["naïve 🎉"]']);
    same(await one.claimIds(), []);
    await other.complete(reserved!, '1');
    assert.equal((await one.result(id)).value, '1');
  },

  'what one stored outlives it': async (one: Scene, other: Scene) => {
    const { id } = await one.enqueue();
    await one.backend.close();
    assert.equal((await other.task(id)).status, 'queued');
  },

  'an id is one task for both': async (one: Scene, other: Scene) => {
    const task = newTask({ payload: '[1]' });
    await Promise.all([one.backend.enqueueTask(task), other.backend.enqueueTask(task)]);
    const mistaken = other.backend.enqueueTask({ ...task, payload: '[2]' });
    await assert.rejects(mistaken, ValidationError);
    same(await one.claimIds(), [task.id]);
  },

  'concurrent claims never hand out a task twice': async (one: Scene, other: Scene) => {
    const tasks = Array.from({ length: 200 }, () => newTask());
    await Promise.all(tasks.map((task, i) => (i % 2 ? one : other).backend.enqueueTask(task)));
    const claimed: string[] = [];
    const drain = async (scene: Scene, workerId: string) => {
      for (;;) {
        const batch = await scene.claim(workerId, { maxTasks: 7 });
        if (batch.length === 0) return;
        claimed.push(...batch.map((task) => task.id));
      }
    };
    await Promise.all([drain(one, 'worker-1'), drain(other, 'worker-2')]);
    assert.equal(new Set(claimed).size, claimed.length, 'a task was handed out twice');
    assert.equal(claimed.length, tasks.length, 'a task was not handed out');
  },

  'a lease that the other holds is refused here': async (one: Scene, other: Scene) => {
    const { id, lease } = await one.running();
    await one.backend.updateTaskStatus(id, 'queued', { lease });
    const [again] = await other.claim('worker-2');
    await assert.rejects(one.complete({ ...again!, lease }, '1'), LeaseLostError);
    await other.complete(again!, '2');
    assert.equal((await one.result(id)).value, '2');
  },
};

type Cancelling = Scene<Backend & CancellingBackend>;
export const peerCancelCases = {
  'either cancels what the other runs': async (one: Cancelling, other: Cancelling) => {
    const { id } = await one.running({}, 'worker-1');
    assert.equal(await other.backend.cancelTask(id), 'running');
    same(await one.backend.cancelRequests('worker-1'), [id]);
  },
};

type Leasing = Scene<Backend & LeasingBackend>;
export const peerLeaseCases = {
  'either rescues what the other lost': async (one: Leasing, other: Leasing) => {
    const reserved = await lost(one);
    await rescued(other);
    await assert.rejects(one.complete(reserved), LeaseLostError);
    assert.equal((await other.task(reserved.id)).status, 'queued');
  },
};

type Waking = Scene<Backend & WakingBackend>;
export const peerWakeCases = {
  'either wakes the other': async (one: Waking, other: Waking) => {
    let woken = 0;
    other.backend.onChange(() => (woken += 1));
    await one.enqueue();
    await eventually('the wake-up', async () => (woken > 0 ? true : undefined));
  },
};
