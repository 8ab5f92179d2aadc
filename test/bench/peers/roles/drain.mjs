import { once } from 'node:events';
import { loadAdapter } from '../adapters/load.mjs';
import { clock } from '../clock.mjs';

const EVERY = 20;

/** One of several workers: starts when told to, and tells how many tasks it has completed when. */
export async function play({ row, store, setting }) {
  const adapter = await loadAdapter(row.adapter);
  const session = await adapter.open(store, row.options);
  const report = new Report();
  const handler = async () => ({ ok: true });
  const worker = await session.worker({
    ...setting,
    handler,
    onDone: (count) => report.add(count),
  });
  process.send('ready');
  await once(process, 'message');
  const timer = setInterval(() => report.send(), EVERY);
  await worker.start();
  await once(process, 'message');
  clearInterval(timer);
  if (session.settled) {
    await session.settled();
    report.at = clock();
  }
  process.send({ done: report.done, at: report.at, final: true });
  await once(process, 'disconnect');
}

/** Sent by a timer, and by the work itself, since some peers let no timer in while they work. */
class Report {
  done = 0;
  at = 0;
  sentAt = 0;

  add(count) {
    this.done += count;
    this.at = clock();
    if (this.at - this.sentAt > EVERY) this.send();
  }

  send() {
    this.sentAt = clock();
    process.send({ done: this.done, at: this.at });
  }
}
