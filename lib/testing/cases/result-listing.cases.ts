import type { Backend } from '../../core/backend.js';
import type { ResultListingBackend } from '../../core/capabilities/result-listing-backend.js';
import { same, type Scene } from '../scene.js';

type Listing = Scene<Backend & ResultListingBackend>;

export const resultListingCases = {
  'reads what each task would tell, and nothing of one that is not there': async (
    scene: Listing,
  ) => {
    const done = await scene.running();
    await scene.complete(done, '"done"');
    const running = await scene.running();
    const waiting = await scene.enqueue();
    const ids = [done.id, 'nobody', running.id, waiting.id];
    const found = new Map((await scene.backend.getResults(ids)).map((each) => [each.taskId, each]));
    same(found.size, 3);
    for (const id of ids) same(found.get(id) ?? null, await scene.backend.getResult(id));
  },

  'reads none and many': async (scene: Listing) => {
    same(await scene.backend.getResults([]), []);
    const tasks = await Promise.all(Array.from({ length: 1200 }, () => scene.enqueue()));
    const found = await scene.backend.getResults(tasks.map(({ id }) => id));
    same(new Set(found.map(({ taskId }) => taskId)).size, 1200);
  },
};
