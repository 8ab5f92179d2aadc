import assert from 'node:assert/strict';
import { hourAgo, inAnHour, matches, newTask, same, WORKER, type Scene } from '../scene.js';

export const reserveCases = {
  'answers an empty list when nothing waits': async (scene: Scene) => {
    same(await scene.claim(), []);
  },

  'hands out one task unless more are asked for': async (scene: Scene) => {
    const first = await scene.enqueue();
    await scene.enqueue();
    same(
      (await scene.claim()).map((task) => task.id),
      [first.id],
    );
  },

  'never hands out more than asked for': async (scene: Scene) => {
    for (let i = 0; i < 5; i += 1) await scene.enqueue();
    assert.equal((await scene.claim(WORKER, { maxTasks: 3 })).length, 3);
    assert.equal((await scene.claim(WORKER, { maxTasks: 3 })).length, 2);
  },

  'orders by priority, then eta, then enqueueing': async (scene: Scene) => {
    const late = hourAgo();
    const early = late - 1;
    const wanted = new Map<string, string>();
    for (const [place, priority, eta] of [
      ['5th', 0, late],
      ['3rd', 0, early],
      ['4th', 0, early],
      ['6th', -1, early],
      ['1st', 32767, late],
      ['2nd', 1, early],
    ] as const) {
      const { id } = await scene.enqueue({ priority, eta });
      wanted.set(place, id);
    }
    const inOrder = [...wanted].sort(([a], [b]) => a.localeCompare(b)).map(([, id]) => id);
    same(await scene.claimIds(), inOrder);
  },

  'orders across queues and handlers too': async (scene: Scene) => {
    const eta = hourAgo();
    const b = await scene.enqueue({ queue: 'b', name: 'Z.run', eta });
    const a = await scene.enqueue({ queue: 'a', name: 'Y.run', eta });
    const urgent = await scene.enqueue({ queue: 'c', name: 'X.run', priority: 1, eta });
    const first = await scene.enqueue({ queue: 'a', name: 'X.run', eta: eta - 1 });
    same(await scene.claimIds({ maxTasks: 2 }), [urgent.id, first.id]);
    same(await scene.claimIds({ maxTasks: 2 }), [b.id, a.id]);
  },

  'does not hand out before the eta': async (scene: Scene) => {
    const { id } = await scene.enqueue({ eta: inAnHour(), priority: 10 });
    same(await scene.claimIds(), []);
    assert.equal((await scene.task(id)).status, 'queued');
  },

  'counts attempt and lease at the claim': async (scene: Scene) => {
    const task = await scene.enqueue({ maxAttempts: 9, payload: '[1]', meta: '{"a":"b"}' });
    const [reserved] = await scene.claim('worker-7');
    matches(reserved, { ...task, attempt: 1, lease: 1 });
    const running = await scene.task(task.id);
    matches(running, { status: 'running', attempt: 1, lease: 1, workerId: 'worker-7' });
    assert.equal(typeof running.startedAt, 'number');
  },

  'raises the lease at every claim': async (scene: Scene) => {
    const { id } = await scene.enqueue();
    for (let lease = 1; lease <= 4; lease += 1) {
      const [reserved] = await scene.claim();
      assert.equal(reserved?.lease, lease);
      const giveBack = lease % 2 === 0;
      await scene.backend.updateTaskStatus(id, 'queued', { lease, giveBack });
    }
    assert.equal((await scene.task(id)).attempt, 2);
  },

  "fixes the handler's limit of attempts at the first claim": async (scene: Scene) => {
    const silent = await scene.running({}, WORKER);
    const limited = (maxAttempts: number) => ({
      handlers: new Map([['Handlers.run', { free: Infinity, maxAttempts }]]),
    });
    await scene.complete(silent);
    const { id } = await scene.enqueue();
    const [first] = await scene.claim(WORKER, limited(5));
    assert.equal(first?.maxAttempts, 5);
    await scene.backend.updateTaskStatus(id, 'queued', { lease: 1 });
    const [second] = await scene.claim(WORKER, limited(8));
    assert.equal(second?.maxAttempts, 5);
    await scene.enqueue({ maxAttempts: 2 });
    const [third] = await scene.claim(WORKER, limited(8));
    assert.equal(third?.maxAttempts, 2);
  },

  'takes only from the queues asked for': async (scene: Scene) => {
    const a = await scene.enqueue({ queue: 'a' });
    const b = await scene.enqueue({ queue: 'b', priority: 9 });
    const c = await scene.enqueue({ queue: 'c' });
    same(await scene.claimIds({ maxTasks: 9, queues: ['a'] }), [a.id]);
    same(await scene.claimIds({ maxTasks: 9, queues: ['nothing', 'c', 'b'] }), [b.id, c.id]);
  },

  'takes only tasks of the handlers asked for': async (scene: Scene) => {
    await scene.enqueue({ name: 'Unknown.run', priority: 9 });
    const known = await scene.enqueue({ name: 'Known.run' });
    const handlers = new Map([['Known.run', { free: Infinity, maxAttempts: 3 }]]);
    same(await scene.claimIds({ maxTasks: 9, handlers }), [known.id]);
    same(await scene.claimIds({ maxTasks: 9, handlers: new Map() }), []);
  },

  'leaves out handlers at their capacity, in the claim': async (scene: Scene) => {
    const handlers = new Map([
      ['Busy.run', { free: 2, maxAttempts: 3 }],
      ['Full.run', { free: 0, maxAttempts: 3 }],
      ['Free.run', { free: Infinity, maxAttempts: 3 }],
    ]);
    for (let i = 0; i < 3; i += 1) await scene.enqueue({ name: 'Full.run', priority: 9 });
    const busy = [];
    for (let i = 0; i < 3; i += 1) {
      busy.push(await scene.enqueue({ name: 'Busy.run', priority: 5, queue: `q${i}` }));
    }
    const free = await scene.enqueue({ name: 'Free.run' });
    same(await scene.claimIds({ maxTasks: 3, handlers }), [busy[0]!.id, busy[1]!.id, free.id]);
    handlers.get('Busy.run')!.free = 0;
    same(await scene.claimIds({ maxTasks: 3, handlers }), []);
    handlers.get('Busy.run')!.free = 1;
    same(await scene.claimIds({ maxTasks: 3, handlers }), [busy[2]!.id]);
  },

  'never hands out a task twice to concurrent claims': async (scene: Scene) => {
    const tasks = Array.from({ length: 120 }, () => newTask());
    await Promise.all(tasks.map((task) => scene.backend.enqueueTask(task)));
    const batches = await Promise.all(
      Array.from({ length: 20 }, (_, i) => scene.claim(`worker-${i}`, { maxTasks: 10 })),
    );
    const claimed = batches.flat().map((task) => task.id);
    same(claimed.sort(), tasks.map((task) => task.id).sort());
  },

  'does not hand out a task that runs': async (scene: Scene) => {
    await scene.running();
    same(await scene.claimIds(), []);
  },
};
