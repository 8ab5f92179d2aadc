import type { Backend } from '../../core/backend.js';
import type { CountingBackend } from '../../core/capabilities/counting-backend.js';
import { ENDINGS, inAnHour, same, type Scene } from '../scene.js';

type Counting = Scene<Backend & CountingBackend>;

const NOTHING = {
  queued: 0,
  running: 0,
  blocked: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  scheduled: 0,
  stuck: 0,
};

export const countCases = {
  'counts nothing in an empty store': async ({ backend }: Counting) => {
    same(await backend.counts(), NOTHING);
  },

  'counts the tasks of each state': async (scene: Counting) => {
    for (const [, end] of ENDINGS) {
      const { id, lease } = await scene.running();
      await scene.backend.storeResult(id, end(lease));
    }
    await scene.running();
    await scene.running();
    await scene.enqueue();
    await scene.enqueue({ eta: inAnHour() });
    await scene.enqueue({ eta: inAnHour() });
    same(await scene.backend.counts(), {
      ...NOTHING,
      completed: 1,
      failed: 1,
      cancelled: 1,
      running: 2,
      queued: 3,
      scheduled: 2,
    });
  },
};
