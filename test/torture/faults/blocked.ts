import { LEASE } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

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
    return { 'run twice': runs - ids.length };
  },
};
