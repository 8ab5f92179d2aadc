import Database from 'better-sqlite3';
import { JobStatus, better, defineQueue, defineWorker } from 'plainjob';
import { ARGS, NAME } from '../../payload.mjs';
import { inThousands } from '../in-thousands.mjs';
import { silent } from '../silent.mjs';

/**
 * As its README has it: WAL and `synchronous = NORMAL`, which it sets itself, and its poll of a
 * second. A worker runs one task at a time, so several at once are several workers.
 */
export const plainjob = {
  async open(store) {
    const queue = defineQueue({ connection: better(new Database(store.file)), logger: silent });
    return {
      enqueue: async () => queue.add(NAME, ARGS),
      bulk: (count) => inThousands(ARGS, count, async (args) => queue.addMany(NAME, args)),
      worker: (options) => workersOn(queue, options),
      unfinished: async () => queue.countJobs() - queue.countJobs({ status: JobStatus.Done }),
      close: async () => queue.close(),
    };
  },
};

function workersOn(queue, { concurrency, handler, onDone }) {
  const run = ({ data }) => handler(JSON.parse(data));
  const options = { queue, logger: silent, onCompleted: () => onDone(1) };
  const workers = Array.from({ length: concurrency }, () => defineWorker(NAME, run, options));
  return {
    async start() {
      for (const worker of workers) void worker.start();
    },
    stop: () => Promise.all(workers.map((worker) => worker.stop())),
  };
}
