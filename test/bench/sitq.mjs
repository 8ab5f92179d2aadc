import { HandlerRegistry, TaskQueue, TypeOrmBackend, Worker } from 'nestjs-sitq';
import { ARGS, NAME } from './payload.mjs';
import { seconds } from './workspace.mjs';

export { TaskQueue };

const silent = { log() {}, warn() {}, debug() {}, error: console.error };

/** @param store options of TypeOrmBackend */
export async function openBackend(store) {
  const backend = new TypeOrmBackend(store);
  await backend.open();
  return backend;
}

/** @param lease of the worker, in ms. @default its own */
export function createWorker(backend, concurrency, invoke, { attempts = 3, lease } = {}) {
  const registry = new HandlerRegistry();
  registry.add({
    name: NAME,
    origin: NAME,
    invoke,
    queue: 'default',
    priority: 0,
    maxAttempts: attempts,
    backoff: { type: 'fixed', delay: 0 },
    timeout: null,
    concurrency: Infinity,
    retryIf: undefined,
  });
  return new Worker({ backend, registry, logger: silent, options: { concurrency, lease } });
}

/** Tasks per second, so many calls awaited together. */
export async function enqueue(store, count, together) {
  const backend = await openBackend(store);
  const queue = new TaskQueue({ backend });
  const took = await seconds(async () => {
    for (let done = 0; done < count; done += together) {
      if (together === 1) await queue.enqueue(NAME, ARGS);
      else await Promise.all(Array.from({ length: together }, () => queue.enqueue(NAME, ARGS)));
    }
  });
  await backend.close();
  return count / took;
}

export async function enqueueMany(store, count) {
  const backend = await openBackend(store);
  const queue = new TaskQueue({ backend });
  const took = await seconds(() => queue.enqueueMany(NAME, repeat(count)));
  await backend.close();
  return count / took;
}

function* repeat(count) {
  for (let i = 0; i < count; i += 1) yield ARGS;
}

/** Tasks per second of one worker with no-op handlers that return a value. */
export async function drain(store, count, concurrency) {
  const backend = await openBackend(store);
  let done = 0;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const unsubscribe = backend.onChange((change) => {
    if (change.kind !== 'settled') return;
    done += change.taskIds.length;
    if (done >= count) finish();
  });
  const worker = createWorker(backend, concurrency, async () => ({ ok: true }));
  const took = await seconds(async () => {
    await worker.start();
    await finished;
  });
  unsubscribe();
  await worker.stop();
  await backend.close();
  return done / took;
}
