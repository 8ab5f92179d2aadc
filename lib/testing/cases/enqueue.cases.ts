import assert from 'node:assert/strict';
import { DefaultSerializer } from '../../core/default-serializer.js';
import { ValidationError } from '../../errors/validation.error.js';
import { ENDINGS, inAnHour, matches, newTask, same, WORKER, type Scene } from '../scene.js';

export const enqueueCases = {
  'keeps every part of the task': async (scene: Scene) => {
    const task = newTask({
      name: 'Mail.welcome',
      queue: 'mail',
      payload: '["ann@example.org",{"copies":2}]',
      priority: -32768,
      eta: inAnHour(),
      maxAttempts: 7,
      timeout: 30_000,
      backoff: '{"type":"fixed","delay":10}',
      meta: '{"tenant":"a"}',
    });
    await scene.backend.enqueueTask(task);
    matches(await scene.task(task.id), {
      ...task,
      status: 'queued',
      attempt: 0,
      lease: 0,
      workerId: null,
      cancelRequestedAt: null,
      startedAt: null,
      finishedAt: null,
      progress: null,
    });
  },

  'leaves unsaid what was not said': async (scene: Scene) => {
    const { id } = await scene.enqueue();
    const unsaid = { maxAttempts: null, timeout: null, backoff: null, meta: null };
    matches(await scene.task(id), unsaid);
  },

  'keeps any text that a serializer writes': async (scene: Scene) => {
    const serializer = new DefaultSerializer();
    const values = ['a\0b', 'naïve 数独 🎉 \u202e', '\ud800 alone', '\\ \' " ` $1 ?', new Date(0)];
    for (const value of values) {
      const payload = serializer.serialize([value]);
      const { id } = await scene.enqueue({ payload });
      assert.equal((await scene.task(id)).payload, payload);
    }
  },

  'keeps payloads of 1 MiB': async (scene: Scene) => {
    const payload = JSON.stringify(['x'.repeat(1024 * 1024 - 4)]);
    const { id } = await scene.enqueue({ payload });
    const [reserved] = await scene.claim();
    assert.equal(reserved?.payload, payload);
    assert.equal((await scene.task(id)).payload, payload);
  },

  'keeps names of 200 characters of any script': async (scene: Scene) => {
    const name = '数'.repeat(200);
    const { id } = await scene.enqueue({ name, queue: name, id: `${name.slice(1)}1` });
    const handlers = new Map([[name, { free: 1, maxAttempts: 1 }]]);
    same(await scene.claimIds({ queues: [name], handlers }), [id]);
  },

  'is the same task when repeated': async (scene: Scene) => {
    const task = newTask();
    await Promise.all([scene.backend.enqueueTask(task), scene.backend.enqueueTask(task)]);
    await scene.backend.enqueueTask({ ...task, priority: 5, queue: 'other', createdAt: 1 });
    matches(await scene.task(task.id), task);
    same(await scene.claimIds(), [task.id]);
  },

  'changes nothing when repeated later': async (scene: Scene) => {
    for (const [state, end] of ENDINGS) {
      const task = await scene.enqueue();
      const [reserved] = await scene.claim();
      await scene.backend.enqueueTask(task);
      assert.equal((await scene.task(task.id)).status, 'running');
      await scene.backend.storeResult(task.id, end(reserved!.lease));
      await scene.backend.enqueueTask(task);
      assert.equal((await scene.task(task.id)).status, state);
    }
    same(await scene.claimIds(), []);
  },

  'refuses an id that belongs to another task': async (scene: Scene) => {
    const task = await scene.enqueue({ payload: '[1]' });
    const before = await scene.everythingAbout(task.id);
    const others = [
      { ...task, payload: '[2]' },
      { ...task, name: 'Other.run' },
    ];
    for (const other of others) {
      await assert.rejects(scene.backend.enqueueTask(other), ValidationError);
    }
    same(await scene.everythingAbout(task.id), before);
  },

  'answers null for ids nobody enqueued': async (scene: Scene) => {
    assert.equal(await scene.backend.getTask('nobody'), null);
    assert.equal(await scene.backend.getResult('nobody'), null);
  },

  'takes many calls at once': async (scene: Scene) => {
    const tasks = Array.from({ length: 200 }, () => newTask());
    await Promise.all(tasks.map((task) => scene.backend.enqueueTask(task)));
    const claimed = await scene.claim(WORKER, { maxTasks: 1000 });
    same(
      claimed.map((task) => task.id),
      tasks.map((task) => task.id),
    );
  },

  'close() finishes what was accepted, and may be called twice': async ({ backend }: Scene) => {
    const accepted = backend.enqueueTask(newTask());
    await backend.close();
    await accepted;
    await backend.close();
  },
};
