import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A producer or a worker; what to do comes as JSON in the first argument. */
const { role, queue, store, name, journal, ledger } = JSON.parse(process.argv[2]);
const { open } = await import(`./queues/${queue}.mjs`);
const { enqueue, work } = await open(store);
const append = (file, entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);

if (role === 'producer') {
  const stop = new AbortController();
  process.once('message', () => stop.abort());
  process.send('ready');
  for (let n = 0; !stop.signal.aborted; n += 1) {
    await enqueue(`${name}-${n}`);
    append(journal, { id: `${name}-${n}` });
    await sleep(5);
  }
  process.send('stopped');
} else {
  await work(async (id) => {
    const note = (step) => append(ledger, { step, id, worker: name, at: Date.now() });
    note('start');
    await sleep(20 + 60 * Math.random());
    note('end');
  }, 6);
  process.send('ready');
}
process.on('disconnect', () => process.exit());
