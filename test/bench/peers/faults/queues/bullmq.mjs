import { Queue, Worker } from 'bullmq';
import { connectionOf } from '../../adapters/bullmq.mjs';

/** A lock of two seconds, looked after every second; a job may stall as often as it likes. */
export async function open(store) {
  const connection = connectionOf(store);
  const queue = new Queue('mail', { connection });
  await queue.waitUntilReady();
  return {
    enqueue: (id) => queue.add('note', { id }),
    async work(handler, concurrency) {
      const worker = new Worker('mail', ({ data }) => handler(data.id), {
        connection,
        concurrency,
        lockDuration: 2000,
        stalledInterval: 1000,
        maxStalledCount: 10,
      });
      worker.on('error', () => undefined); // a lost lock is one
      await worker.waitUntilReady();
    },
  };
}
