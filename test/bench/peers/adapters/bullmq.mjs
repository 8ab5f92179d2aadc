import { Queue, Worker } from 'bullmq';
import { ARGS, NAME } from '../../payload.mjs';
import { inThousands } from '../in-thousands.mjs';

const QUEUE = 'mail';

/** As its documentation has it, `maxRetriesPerRequest: null` included. Completed jobs are kept. */
export const bullmq = {
  async open(store) {
    const connection = connectionOf(store);
    const queue = new Queue(QUEUE, { connection });
    await queue.waitUntilReady();
    return {
      ...producer(queue),
      worker: (options) => workerOn(connection, options),
      close: () => queue.close(),
    };
  },
};

export function connectionOf(store) {
  return { ...store.connection, maxRetriesPerRequest: null };
}

/** What a Queue does here, also under Nest. */
export function producer(queue) {
  const job = { name: NAME, data: ARGS };
  return {
    enqueue: () => queue.add(NAME, ARGS),
    bulk: (count) => inThousands(job, count, (jobs) => queue.addBulk(jobs)),
    unfinished: async () => {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
  };
}

async function workerOn(connection, { concurrency, handler, onDone }) {
  const worker = new Worker(QUEUE, ({ data }) => handler(data), {
    connection,
    concurrency,
    autorun: false,
  });
  worker.on('completed', () => onDone(1));
  worker.on('error', console.error);
  await worker.waitUntilReady();
  return {
    async start() {
      void worker.run();
    },
    stop: () => worker.close(),
  };
}
