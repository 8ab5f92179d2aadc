import assert from 'node:assert/strict';
import type { Backend, ReserveRequest } from '../../core/backend.js';
import type { PeekingBackend } from '../../core/capabilities/peeking-backend.js';
import { hourAgo, inAnHour, same, type Scene } from '../scene.js';

type Peeking = Scene<Backend & PeekingBackend>;

export const peekCases = {
  'sees nothing where nothing waits': async ({ backend }: Peeking) => {
    same(await backend.peekTasks({}), []);
    same(await backend.peekTasks({ queues: ['a'], handlers: handlers({ 'A.run': 1 }) }), []);
  },

  'sees one task unless more are asked for': async (scene: Peeking) => {
    const { id } = await scene.enqueue();
    await scene.enqueue();
    same(await scene.backend.peekTasks({}), [id]);
    assert.equal((await scene.backend.peekTasks({ maxTasks: 3 })).length, 2);
  },

  'sees what a claim then brings, in its order': async (scene: Peeking) => {
    await enqueueMixture(scene);
    for (const request of REQUESTS) {
      const seen = await scene.backend.peekTasks(request);
      const claimed = await scene.claimIds(request);
      assert.ok(claimed.length > 0, 'the request brings nothing');
      same(seen, claimed);
    }
  },

  'sees nothing that a claim would leave': async (scene: Peeking) => {
    await scene.running();
    await scene.enqueue({ eta: inAnHour(), priority: 9 });
    const peek = (request: ReserveRequest) => scene.backend.peekTasks({ maxTasks: 9, ...request });
    same(await peek({}), []);
    await scene.enqueue({ queue: 'a', name: 'A.run' });
    same(await peek({ queues: ['b'] }), []);
    same(await peek({ handlers: handlers({ 'B.run': 1 }) }), []);
    same(await peek({ handlers: handlers({ 'A.run': 0 }) }), []);
    same(await peek({ handlers: new Map() }), []);
  },

  'changes nothing': async (scene: Peeking) => {
    const { id } = await scene.enqueue();
    const before = await scene.everythingAbout(id);
    for (let look = 0; look < 3; look += 1) same(await scene.backend.peekTasks({}), [id]);
    same(await scene.everythingAbout(id), before);
    same(await scene.claimIds({}), [id]);
  },
};

export const peerPeekCases = {
  'either sees at once what the other did': async (one: Peeking, other: Peeking) => {
    const first = await one.enqueue({ queue: 'a' });
    same(await other.backend.peekTasks({ maxTasks: 9 }), [first.id]);
    const second = await one.enqueue({ queue: 'b', priority: 1 });
    same(await other.backend.peekTasks({ maxTasks: 9 }), [second.id, first.id]);
    same(await one.claimIds({}), [second.id]);
    same(await other.backend.peekTasks({ maxTasks: 9 }), [first.id]);
  },
};

/** Each is claimed before the next one is tried. */
const REQUESTS: readonly ReserveRequest[] = [
  {},
  { maxTasks: 3 },
  { maxTasks: 4, queues: ['b', 'nothing'] },
  { maxTasks: 5, handlers: handlers({ 'A.run': 1, 'B.run': 3, 'C.run': 0 }) },
  { maxTasks: 6, queues: ['a', 'c'], handlers: handlers({ 'A.run': 2, 'C.run': Infinity }) },
  { maxTasks: 1000 },
];

async function enqueueMixture(scene: Peeking): Promise<void> {
  const eta = hourAgo();
  for (let i = 0; i < 48; i += 1) {
    await scene.enqueue({
      queue: 'abc'[i % 3],
      name: `${'ABC'[(i >> 1) % 3]}.run`,
      priority: (i * 7) % 4,
      eta: eta + ((i * 11) % 5),
    });
  }
}

function handlers(free: Readonly<Record<string, number>>) {
  return new Map(Object.entries(free).map(([name, n]) => [name, { free: n, maxAttempts: 3 }]));
}
