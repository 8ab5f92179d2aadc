import { quantile } from '../../app/processes/scene.js';
import { EVERYWHERE, type Fault } from '../fault.js';

const WAYS = ['SIGTERM', 'SIGTERM twice', 'close', 'close and SIGTERM'] as const;

/** Workers are asked to end, in every way there is, amid their tasks. */
export const shutdown: Fault = {
  name: 'shutdown',
  title: 'SIGTERM, app.close(), both, and twice',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    const took: number[] = [];
    let signals = 0;
    await arena.cycles(async (n) => {
      await arena.pass(100, 400);
      const worker = await arena.victim();
      const way = WAYS[n % WAYS.length]!;
      const began = performance.now();
      arena.expectEnd(worker);
      if (way.startsWith('close')) worker.ask('close').catch(() => undefined);
      if (way.includes('SIGTERM')) worker.kill('SIGTERM');
      if (way.endsWith('twice')) worker.kill('SIGTERM');
      const { code, signal } = await worker.exit;
      if (code === 0 || signal === 'SIGTERM') signals += 1;
      took.push(performance.now() - began);
      await arena.startWorker();
    });
    return {
      'ended in order': signals,
      'exit p50 ms': Math.round(quantile(took, 0.5)),
      'exit p99 ms': Math.round(quantile(took, 0.99)),
    };
  },
};
