import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../../workspace.mjs';
import { clock } from '../clock.mjs';
import { Helper } from '../helper.mjs';

const WARM_UP = 5;
const FEWEST = 10;

/** Milliseconds from the call that enqueues to the first line of the handler, on an idle queue. */
export async function measure({ session, row, store, count, limit, workload: { where } }) {
  const listener = await { here, elsewhere }[where](session, row, store);
  const times = [];
  const giveUpAt = clock() + limit;
  for (let i = 0; i < WARM_UP + count; i += 1) {
    // Never right behind a poll, which would be the worst case for those who poll.
    await sleep(5 + Math.random() * (row.polls ?? 0));
    const started = listener.next();
    const called = clock();
    await session.enqueue();
    const took = (await started) - called;
    if (i >= WARM_UP) times.push(took);
    if (times.length >= FEWEST && clock() > giveUpAt) break;
  }
  await listener.stop();
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** The worker is in the process that enqueues. */
async function here(session, row) {
  let tell;
  const handler = async () => {
    tell(clock());
    return { ok: true };
  };
  const worker = await session.worker({ ...row.idle, handler, onDone() {} });
  await worker.start();
  return {
    next: () => new Promise((resolve) => (tell = resolve)),
    stop: () => worker.stop(),
  };
}

/** The worker is in a process of its own. */
async function elsewhere(session, row, store) {
  const helper = await Helper.start('listen', { row, store });
  return { next: () => helper.receive(), stop: () => helper.end() };
}
