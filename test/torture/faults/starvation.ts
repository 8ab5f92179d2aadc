import { EVERYWHERE, type Fault } from '../fault.js';
import { waitsOf } from '../waits.js';

const FLOOD = 3000;

/** For three seconds at a time there is more of a higher priority than the workers can do. */
export const starvation: Fault = {
  name: 'starvation',
  title: 'a flood of a higher priority for 3 s at a time',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    await arena.cycles(async (n) => {
      await arena.pass(500, 1000);
      let batch = '';
      const end = Date.now() + FLOOD;
      for (let k = 0; Date.now() < end; k += 1) {
        batch = `flood-${n}-${k}`;
        const calls = Array.from({ length: 50 }, (_, i) => ({
          task: `${batch}-${i}`,
          handler: 'work',
          args: [20],
          priority: 10,
        }));
        await Promise.all(calls.map((call) => arena.producer().ask('call', call)));
      }
      await arena.queue.getResult(`${batch}-49`, { timeout: '60s' });
    });
    const waits = waitsOf(arena.scene);
    return {
      'longest wait of the others ms': Math.max(...waits(/^steady-/)),
      'longest wait in the flood ms': Math.max(...waits(/^flood-/)),
    };
  },
};
