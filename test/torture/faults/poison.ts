import type { Child } from '../../app/processes/child.js';
import type { Death } from '../../app/processes/process-tasks.js';
import type { Arena } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

const WAYS: readonly Death[] = ['abort', 'memory', 'kill'];
/** Of each worker, in MB: what it has is soon used up. */
const HEAP = 160;

/** A task takes its process down at each of its attempts, and each time in another way. */
export const poison: Fault = {
  name: 'poison',
  title: 'a task that ends its process: by abort, for want of memory, by kill -9',
  kinds: EVERYWHERE,
  async play(arena) {
    const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP}` };
    await arena.open({ worker: { concurrency: 2 }, more: () => ({ env }) });
    let crashes = 0;
    await arena.cycles(async (n) => {
      const task = `poison-${n}`;
      const before = [...arena.up];
      const call = { task, handler: 'poison', args: [WAYS], attempts: WAYS.length };
      await arena.producer().ask('call', call);
      const result = await arena.queue.getResult(task, { timeout: '2m' });
      if (result?.status !== 'failed') throw new Error(`${task} ended as ${result?.status}`);
      // The last of them may be taken over from before its end has come to our ears.
      const victims = before.filter((worker) => startOf(arena, task, worker) !== undefined);
      await Promise.all(victims.map(({ exit }) => exit));
      const dead = before.filter((worker) => !worker.alive);
      crashes += dead.length;
      for (const worker of dead) {
        const at = startOf(arena, task, worker);
        if (at !== undefined) arena.noteDeath(worker, at); // else it is a crash of another kind
        arena.up.delete(worker);
      }
      await Promise.all(dead.map(() => arena.startWorker()));
    });
    return { 'crashes per task': crashes / Math.max(1, arena.done) };
  },
};

/** When this worker began to run it, which was its end. */
function startOf(arena: Arena, task: string, { config }: Child): number | undefined {
  const entries = arena.scene.readLedger();
  return entries.find((entry) => entry.task === task && entry.worker === config.name)?.at;
}
