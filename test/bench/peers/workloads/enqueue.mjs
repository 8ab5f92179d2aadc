import { clock } from '../clock.mjs';
import { expectUnfinished } from './expect-unfinished.mjs';

/** Of the time limit, for as many calls as are measured: an application is long past its first ones. */
const WARM_UP = 1 / 5;

/** Tasks per second, so many calls awaited together. */
export async function measure({ session, count, limit, workload: { together } }) {
  const first = await enqueue(session, count, WARM_UP * limit, together);
  const began = clock();
  const done = await enqueue(session, count, limit, together);
  const took = clock() - began;
  await expectUnfinished(session, first + done);
  return { rate: (1000 * done) / took, done };
}

async function enqueue(session, count, limit, together) {
  const began = clock();
  let done = 0;
  for (; done < count && clock() - began < limit; done += together) {
    if (together === 1) await session.enqueue();
    else await Promise.all(Array.from({ length: together }, () => session.enqueue()));
  }
  return done;
}
