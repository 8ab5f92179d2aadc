import { LEASE } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

/** Of the runs: on a machine without time to spare the thread that keeps the lease has none either. */
const MOST_TWICE = 0.1;

/** A handler computes for three leases and lets nothing else happen in its process. */
export const blocked: Fault = {
  name: 'blocked',
  title: 'a handler blocks the event loop for three leases',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    const ids: string[] = [];
    await arena.cycles(async (n) => {
      const task = `spin-${n}`;
      ids.push(task);
      await arena.producer().ask('call', { task, handler: 'spin', args: [3 * LEASE] });
      await arena.queue.getResult(task, { timeout: '60s' });
    });
    const starts = arena.scene.readLedger().filter(({ step }) => step === 'start');
    const runs = starts.filter(({ task }) => ids.includes(task)).length;
    const twice = runs - ids.length;
    if (twice > MOST_TWICE * ids.length) throw new Error(`${twice} of ${ids.length} ran twice.`);
    return { 'run twice': twice };
  },
};
