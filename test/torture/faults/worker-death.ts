import { EVERYWHERE, type Fault } from '../fault.js';

/** Workers are killed at random moments; each is replaced. */
export const workerDeath: Fault = {
  name: 'worker-death',
  title: 'kill -9 of a random worker every 0.2 to 0.7 s',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    await arena.cycles(async () => {
      await arena.pass(200, 700);
      arena.kill(await arena.victim(2)); // one at least is there to take over
      arena.replace();
    });
  },
};
