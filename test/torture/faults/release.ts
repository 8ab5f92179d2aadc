import { EVERYWHERE, type Fault } from '../fault.js';

/** Workers are replaced one by one by those of a release with one more handler, and back again. */
export const release: Fault = {
  name: 'release',
  title: 'a rolling deploy, forth and back: old workers lack a handler',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    const releases = ['new', 'old'] as const;
    await arena.cycles(async (n) => {
      await arena.producer().ask('call', { task: `added-${n}`, handler: 'added', args: [10] });
      const worker = await arena.victim();
      arena.expectEnd(worker);
      worker.kill('SIGTERM');
      await worker.exit;
      await arena.startWorker({ release: releases[Math.floor(n / 4) % 2]! });
    });
    await arena.startWorker({ release: 'new' }); // who runs what is left of it
  },
};
