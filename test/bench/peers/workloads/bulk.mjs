import { clock } from '../clock.mjs';
import { expectUnfinished } from './expect-unfinished.mjs';

/** Tasks per second by the bulk call of the peer, after some for the compiler. */
export async function measure({ session, count }) {
  const first = Math.ceil(count / 10_000) * 1000;
  await session.bulk(first);
  const began = clock();
  await session.bulk(count);
  const took = clock() - began;
  await expectUnfinished(session, first + count);
  return { rate: (1000 * count) / took, done: count };
}
