import { SERVERS, type Fault } from '../fault.js';

/** Many workers want the same rows; a cycle is a second of it. */
export const deadlocks: Fault = {
  name: 'deadlocks',
  title: 'sixteen workers on one queue',
  kinds: SERVERS,
  async play(arena) {
    await arena.open({ workers: 16 });
    await arena.startProducer('second');
    await arena.cycles(() => arena.pass(1000, 1000));
    return { 'deadlocks surfaced': arena.said(/deadlock/gi).length };
  },
};
