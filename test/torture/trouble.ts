import { quantile, until } from '../app/processes/scene.js';
import type { Arena } from './arena.js';
import type { Figures } from './fault.js';

/** MariaDB itself looks once a minute whether a full disk has room again, in ms. */
const PATIENCE = 120_000;

/**
 * Cycles of a trouble in which enqueues may be refused and no task runs. Each is over when an
 * enqueue is acknowledged and a task has begun since the trouble, which ends when its promise does.
 */
export async function troubles(
  arena: Arena,
  trouble: (n: number) => Promise<void>,
): Promise<Figures> {
  const { scene } = arena;
  const again: number[] = [];
  await arena.cycles(async (n) => {
    await arena.pass(300, 1500);
    await trouble(n);
    const over = Date.now();
    const works = () => {
      const told = scene.readJournal().find(({ step, at }) => step === 'ok' && at > over);
      const began = scene.readLedger().find(({ step, at }) => step === 'start' && at > over);
      return told && began && Math.max(told.at, began.at);
    };
    await until(() => works() !== undefined, PATIENCE);
    again.push(works()! - over);
  });
  return {
    'enqueues refused': scene.readJournal().filter(({ step }) => step === 'fail').length,
    'works again p50 ms': quantile(again, 0.5),
    'works again p99 ms': quantile(again, 0.99),
  };
}
