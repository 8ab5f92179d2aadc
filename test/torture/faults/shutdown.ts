import type { Child } from '../../app/processes/child.js';
import { quantile } from '../../app/processes/scene.js';
import { accessTo } from '../access.js';
import { LEASE, POLL, type Arena } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

const WAYS = ['SIGTERM', 'SIGTERM twice', 'close', 'close and SIGTERM'] as const;
/** For running tasks, in ms. */
const TIMEOUT = 1000;
/** What only those serve who are asked to end. */
const QUEUE = 'doomed';
/** An application that takes longer does not end at all, in ms. */
const PATIENCE = 30_000;

/**
 * Workers are asked to end amid their tasks: in every way there is, with and without a handler
 * that never ends, while the store is there or away, and with the application's own database
 * imported before or after sitq.
 */
export const shutdown: Fault = {
  name: 'shutdown',
  title: 'SIGTERM, app.close(), both, twice; an endless handler; no database; both module orders',
  kinds: EVERYWHERE,
  // A handler that never ends is given back although it has begun.
  excused: /^I7 endless-/,
  async play(arena) {
    await arena.open({ worker: { queues: ['default'] } });
    const access = await accessTo(arena);
    const start = (ownDatabase: 'first' | 'last') =>
      arena.startWorker({
        ownDatabase,
        store: access.options,
        worker: {
          concurrency: 8,
          lease: LEASE,
          pollInterval: POLL,
          queues: ['default', QUEUE],
          shutdownTimeout: TIMEOUT,
        },
      });
    const took = { 'exit p99 ms': [], endless: [], away: [] } as Record<string, number[]>;
    await arena.cycles(async (n) => {
      const { way, isEndless, isAway, order } = combination(n);
      const worker = await start(order);
      await occupy(arena, worker, n, isEndless);
      if (isAway) access.bar();
      const began = Date.now();
      if (isAway)
        arena.noteDeath(worker, began); // it can tell nobody that it goes
      else arena.expectEnd(worker);
      tellToEnd(worker, way);
      await within(PATIENCE, worker);
      if (isAway) await access.clear();
      const row = isAway ? 'away' : isEndless ? 'endless' : 'exit p99 ms';
      took[row]!.push(Date.now() - began);
      if (isEndless) await arena.queue.cancel(`endless-${n}`);
    });
    await start('first'); // who runs what is left of it
    return Object.fromEntries(
      Object.entries(took).map(([row, times]) => [row, Math.round(quantile(times, 0.99))]),
    );
  },
};

/** Each of the 32 in turn; already the first four have something of everything. */
function combination(n: number) {
  return {
    way: WAYS[n % 4]!,
    isEndless: (n + (n >> 2)) % 2 === 1,
    isAway: ((n >> 1) + (n >> 3)) % 2 === 1,
    order: (n >> 4) % 2 === 0 ? 'first' : 'last',
  } as const;
}

/** Resolves when it has begun with tasks of its own. */
async function occupy(arena: Arena, worker: Child, n: number, isEndless: boolean): Promise<void> {
  const ask = (task: string, handler: string, args: readonly unknown[]) =>
    arena.producer().ask('call', { task, handler, args, queue: QUEUE });
  for (let k = 0; k < 3; k += 1) await ask(`lookup-${n}-${k}`, 'lookup', [100 * (k + 1)]);
  if (isEndless) await ask(`endless-${n}`, 'endless', []);
  await worker.handler('start', isEndless ? `endless-${n}` : `lookup-${n}-2`);
}

function tellToEnd(worker: Child, way: (typeof WAYS)[number]): void {
  if (way.startsWith('close')) worker.ask('close').catch(() => undefined);
  if (way.includes('SIGTERM')) worker.kill('SIGTERM');
  if (way.endsWith('twice')) worker.kill('SIGTERM');
}

async function within(ms: number, worker: Child): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${worker.config.name} did not end.`)), ms);
  });
  await Promise.race([worker.exit, late]).finally(() => clearTimeout(timer));
}
