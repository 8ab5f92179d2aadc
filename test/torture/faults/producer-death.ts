import { EVERYWHERE, type Fault } from '../fault.js';

/**
 * A producer is killed amid 200 enqueues: in turns at some moment about the commit, and between
 * the commit and the last answer. The next one repeats what it saw no end of, by the same ids.
 */
export const producerDeath: Fault = {
  name: 'producer-death',
  title: 'kill -9 of a producer amid 200 enqueues',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    let [repeated, stored] = [0, 0];
    await arena.startProducer('mortal');
    await arena.cycles(async (n) => {
      const producer = arena.producer('mortal');
      const told = n % 2 === 0 ? undefined : Math.floor(arena.between(0, 100));
      producer.ask('burst', { size: 200, told }).catch(() => undefined); // never answered
      await producer.said('burst');
      if (told === undefined) await arena.pass(0, 5);
      else await producer.exit;
      arena.kill(producer);
      const again = await arena.startProducer('mortal');
      repeated += again.repeated;
      stored += again.stored;
    });
    return { 'enqueues repeated': repeated, 'of these stored before': stored };
  },
};
