import { TaskQueue, createWorker, openBackend } from '../../sitq.mjs';
import { ARGS, NAME } from '../../payload.mjs';
import { repeat } from '../repeat.mjs';

/** The engine as `npm run bench` measures it, without Nest. */
export const sitq = {
  async open(store, { durability }) {
    const backend = await openBackend(optionsOf(store, durability));
    const queue = new TaskQueue({ backend });
    return {
      enqueue: () => queue.enqueue(NAME, ARGS),
      bulk: (count) => queue.enqueueMany(NAME, repeat(ARGS, count)),
      worker: (options) => workerOn(backend, options),
      unfinished: () => unfinished(queue),
      close: () => backend.close(),
    };
  },
};

/** Where the tasks are, in the words of sitq. */
export function optionsOf(store, durability) {
  return store.kind === 'sqlite'
    ? { database: store.file, durability }
    : { type: 'postgres', url: store.url, durability };
}

/** Calls back for outcomes that are stored. */
export function tellSettled(backend, onDone) {
  return backend.onChange(({ kind, taskIds }) => {
    if (kind === 'settled') onDone(taskIds.length);
  });
}

export async function unfinished(queue) {
  const { queued, running, failed, cancelled } = await queue.counts();
  return queued + running + failed + cancelled;
}

function workerOn(backend, { concurrency, handler, onDone }) {
  const worker = createWorker(backend, concurrency, handler);
  const unsubscribe = tellSettled(backend, onDone);
  return {
    start: () => worker.start(),
    async stop() {
      unsubscribe();
      await worker.stop();
    },
  };
}
