import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerStats } from '../../../lib/index.js';
import type { Child } from '../../app/processes/child.js';
import { until } from '../../app/processes/scene.js';
import { LEASE, type Arena } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

/** So long that the second run of a task is under way when the first one goes on, in ms. */
const LONG = 2.5 * LEASE;

/**
 * A worker stands still for two to three leases and then goes on, with runs that are another
 * one's by now: while the other one runs them, or when it has settled them already.
 */
export const pause: Fault = {
  name: 'pause',
  title: 'SIGSTOP of a worker for two to three leases, then SIGCONT',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    await arena.cycles(async (n) => {
      const task = `long-${n}`;
      await arena.producer().ask('call', { task, handler: 'work', args: [LONG] });
      const worker = await runnerOf(arena, task);
      await arena.pass(0, 200);
      worker.kill('SIGSTOP');
      await sleep(arena.between(2, 3) * LEASE);
      worker.kill('SIGCONT');
      await worker.ask('stats'); // it is back
      await arena.queue.getResult(task, { timeout: '60s' });
    });
    const stats = await Promise.all(
      [...arena.up].map((worker) => worker.ask<WorkerStats>('stats')),
    );
    return { 'late writes refused': stats.reduce((sum, { refused }) => sum + refused, 0) };
  },
};

/** The worker that has begun with it. */
async function runnerOf(arena: Arena, task: string): Promise<Child> {
  let runner: Child | undefined;
  await until(() => {
    const start = arena.scene.readLedger().find((entry) => entry.task === task);
    runner = [...arena.up].find(({ config }) => config.name === start?.worker);
    return runner !== undefined;
  });
  return runner!;
}
