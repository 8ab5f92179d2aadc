import { createWorker, openBackend } from './sitq.mjs';

const backend = await openBackend(JSON.parse(process.argv[2]));
const worker = createWorker(backend, 10, () => {
  process.send(Number(process.hrtime.bigint()) / 1e6);
});
await worker.start();
process.send(0);
process.once('disconnect', async () => {
  await worker.stop();
  await backend.close();
});
