import assert from 'node:assert/strict';
import type { Backend } from '../../core/backend.js';
import type { CancellingBackend } from '../../core/capabilities/cancelling-backend.js';
import type { BackendChange, WakingBackend } from '../../core/capabilities/waking-backend.js';
import { eventually, hourAgo, inAnHour, type Scene } from '../scene.js';

type Waking = Scene<Backend & WakingBackend>;

export const wakeCases = {
  'tells of new tasks': async (scene: Waking) => {
    const heard = listen(scene);
    await scene.enqueue();
    await heard(({ kind }) => kind === 'enqueued');
  },

  'tells of tasks that were queued again': async (scene: Waking) => {
    const { id, lease } = await scene.running();
    const heard = listen(scene);
    await scene.backend.updateTaskStatus(id, 'queued', { lease });
    await heard(({ kind }) => kind === 'enqueued');
  },

  'tells which tasks have ended': async (scene: Waking) => {
    const reserved = await scene.running();
    const heard = listen(scene);
    await scene.complete(reserved);
    await heard(
      (change) => change.kind === 'settled' && change.taskIds?.includes(reserved.id) === true,
    );
  },

  'tells everybody until they leave': async (scene: Waking) => {
    let early = 0;
    const leave = scene.backend.onChange(() => (early += 1));
    const heard = listen(scene);
    leave();
    await scene.enqueue();
    await heard(({ kind }) => kind === 'enqueued');
    assert.equal(early, 0);
  },

  'knows the earliest eta of what waits': async (scene: Waking) => {
    const soon = inAnHour();
    assert.equal(await scene.backend.nextEta({}), null);
    await scene.enqueue({ eta: soon + 2, priority: 9 });
    await scene.enqueue({ eta: soon + 1 });
    assert.equal(await scene.backend.nextEta({}), soon + 1);
  },

  'knows an eta that has come, for whoever looked for tasks just before': async (scene: Waking) => {
    const past = hourAgo();
    await scene.enqueue({ eta: past });
    assert.equal(await scene.backend.nextEta({}), past);
  },

  'looks for etas only among what is asked for': async (scene: Waking) => {
    const soon = inAnHour();
    await scene.enqueue({ queue: 'a', name: 'A.run', eta: soon });
    await scene.enqueue({ queue: 'b', name: 'B.run', eta: soon + 1 });
    const handler = (name: string, free: number) => new Map([[name, { free, maxAttempts: 3 }]]);
    const eta = (request: Parameters<WakingBackend['nextEta']>[0]) =>
      scene.backend.nextEta(request);
    assert.equal(await eta({ queues: ['b'] }), soon + 1);
    assert.equal(await eta({ handlers: handler('B.run', 1) }), soon + 1);
    assert.equal(await eta({ handlers: handler('A.run', 0) }), null);
    assert.equal(await eta({ queues: ['a'], handlers: handler('B.run', 1) }), null);
  },
};

export const wakeAndCancelCases = {
  'tells of cancels of running tasks': async (
    scene: Scene<Backend & WakingBackend & CancellingBackend>,
  ) => {
    const { id } = await scene.running();
    const heard = listen(scene);
    await scene.backend.cancelTask(id);
    await heard(({ kind }) => kind === 'cancel-requested');
  },
};

/** Listens from now on; what it returns waits for a change that fits. */
function listen(scene: Waking): (fits: (change: BackendChange) => boolean) => Promise<unknown> {
  const heard: BackendChange[] = [];
  scene.backend.onChange((change) => heard.push(change));
  return (fits) => eventually('the wake-up', async () => heard.find(fits));
}
