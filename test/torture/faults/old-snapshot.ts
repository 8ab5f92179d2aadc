import { quantile } from '../../app/processes/scene.js';
import { SERVERS, type Fault } from '../fault.js';
import { waitsOf } from '../waits.js';

/** How long it is held, in ms. */
const HELD = 5000;
const BATCH = 50;

/** A stranger's transaction keeps what it has seen: the dead rows of all that runs pile up. */
export const oldSnapshot: Fault = {
  name: 'old-snapshot',
  title: 'a stranger holds an old snapshot for 5 s at a time, under load',
  kinds: SERVERS,
  async play(arena) {
    await arena.open({ worker: { concurrency: 20 } });
    const stranger = await arena.store.sql();
    arena.afterwards(() => stranger.close());
    await arena.cycles(async (n) => {
      await stranger.run(...BEGIN[stranger.kind === 'postgres' ? 'postgres' : 'mysql']);
      await stranger.query('SELECT count(*) AS tasks FROM sitq_task');
      const end = Date.now() + HELD;
      for (let k = 0; Date.now() < end; k += 1) {
        const calls = Array.from({ length: BATCH }, (_, i) => ({
          task: `dead-${n}-${k}-${i}`,
          handler: 'work',
          args: [0],
        }));
        await Promise.all(calls.map((call) => arena.producer().ask('call', call)));
        await arena.queue.getResult(`dead-${n}-${k}-0`, { timeout: '60s' });
      }
      await stranger.run('COMMIT');
    });
    const waits = waitsOf(arena.scene)(/^(dead|steady)-/);
    return {
      'pick-up p50 ms': quantile(waits, 0.5),
      'pick-up p99 ms': quantile(waits, 0.99),
    };
  },
};

const BEGIN = {
  postgres: ['BEGIN ISOLATION LEVEL REPEATABLE READ'],
  mysql: [
    'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  ],
} as const;
