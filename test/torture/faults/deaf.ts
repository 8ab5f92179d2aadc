import { mkdirSync } from 'node:fs';
import { until } from '../../app/processes/scene.js';
import { POLL } from '../arena.js';
import { createStore } from '../../app/stores.js';
import type { Fault } from '../fault.js';

/** What stands where the doorbell would be lets nobody ring, and tasks come one by one. */
export const deaf: Fault = {
  name: 'deaf',
  title: 'no notification arrives: tasks are found by polling alone',
  kinds: ['sqlite'],
  async play(arena) {
    const store = await createStore(arena.kind);
    mkdirSync(`${(store.options as { database: string }).database}-doorbell`);
    await arena.open({}, store);
    let longest = 0;
    await arena.producer().ask('stop');
    await arena.cycles(async (n) => {
      await arena.pass(1.5 * POLL, 2 * POLL); // everybody rests
      const began = Date.now();
      const task = `alone-${n}`;
      await arena.producer().ask('call', { task, handler: 'work', args: [1] });
      await until(async () => (await arena.queue.getTask(task))?.status === 'completed');
      longest = Math.max(longest, Date.now() - began);
    });
    return { 'waited at most ms': longest };
  },
};
