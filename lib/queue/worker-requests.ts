import type { HandlerCapacity, ReserveRequest } from '../core/backend.js';
import type { WorkerInfo } from '../core/worker-info.js';

/** What a worker asks for when nothing runs on it. */
export function requestOf(worker: WorkerInfo): ReserveRequest {
  return request(worker, () => Infinity);
}

/** What a worker asks for now, by what the store says it runs. */
export function nextRequestOf(worker: WorkerInfo): ReserveRequest {
  const { limits, running } = worker;
  return request(worker, (name) => (own(limits, name) ?? Infinity) - (own(running, name) ?? 0));
}

/** How many more tasks a worker can run; `Infinity` where it did not tell how many it has. */
export function freeSlots({ concurrency, inFlight }: WorkerInfo): number {
  return concurrency === null ? Infinity : concurrency - inFlight;
}

function request(
  { handlers, queues }: WorkerInfo,
  freeOf: (name: string) => number,
): ReserveRequest {
  const capacity = (name: string): HandlerCapacity => ({ free: freeOf(name), maxAttempts: 1 });
  return {
    queues: queues ?? undefined,
    handlers: new Map(handlers.map((name) => [name, capacity(name)])),
  };
}

/** A handler may have the name of something that every object has. */
function own(record: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
