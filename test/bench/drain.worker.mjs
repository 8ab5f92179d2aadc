import { createWorker, openBackend } from './sitq.mjs';

/** A worker process that waits for its start, and tells how many tasks it has run. */
const [store, concurrency] = process.argv.slice(2);
const backend = await openBackend(JSON.parse(store));
let done = 0;
const worker = createWorker(backend, Number(concurrency), async () => {
  done += 1;
  return { ok: true };
});
process.once('message', async () => {
  // What cannot be told any more, nobody waits for.
  const timer = setInterval(() => process.send(done, () => undefined), 20);
  process.once('disconnect', async () => {
    clearInterval(timer);
    await worker.stop();
    await backend.close();
  });
  await worker.start();
});
process.send(0);
