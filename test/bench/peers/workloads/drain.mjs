import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../clock.mjs';
import { expectUnfinished } from './expect-unfinished.mjs';
import { peakMemory } from './peak-memory.mjs';

/**
 * Tasks per second of one worker, and the most memory that its process had. What is not through
 * after the time limit counts for as far as it came.
 */
export async function measure({ session, queued, count, setting, limit, workload: { takes } }) {
  const progress = new Progress(count, limit);
  const worker = await session.worker({
    ...setting,
    handler: takes ? () => sleep(takes, { ok: true }) : async () => ({ ok: true }),
    onDone: (tasks) => progress.add(tasks),
  });
  progress.began = clock();
  await worker.start();
  await progress.over;
  const { done } = progress;
  await session.settled?.();
  const took = clock() - progress.began;
  const mb = peakMemory();
  await worker.stop();
  await expectUnfinished(session, 0, queued - done);
  return { rate: (1000 * done) / took, done, mb };
}

class Progress {
  done = 0;
  began = 0;
  over = new Promise((resolve) => (this.finish = resolve));

  constructor(count, limit) {
    this.count = count;
    this.limit = limit;
  }

  add(tasks) {
    this.done += tasks;
    if (this.done >= this.count || clock() - this.began > this.limit) this.finish();
  }
}
