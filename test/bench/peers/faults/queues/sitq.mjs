import { NAME } from '../../../payload.mjs';
import { TaskQueue, createWorker, openBackend } from '../../../sitq.mjs';
import { optionsOf } from '../../adapters/sitq.mjs';

/** A lease of two seconds. */
export async function open(store) {
  const backend = await openBackend(optionsOf(store, 'full'));
  const queue = new TaskQueue({ backend });
  return {
    enqueue: (id) => queue.enqueue(NAME, [id]),
    work(handler, concurrency) {
      const options = { attempts: 10, lease: 2000 };
      return createWorker(backend, concurrency, ([id]) => handler(id), options).start();
    },
  };
}
