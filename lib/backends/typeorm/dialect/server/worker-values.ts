import type {
  WorkerBeat,
  WorkerRegistration,
} from '../../../../core/capabilities/leasing-backend.js';

/** A sign of life may take a third of its lease, but no less and no more than so many ms. */
const SHORTEST_RENEWAL = 1000;
const LONGEST_RENEWAL = 15_000;

/** What a registration writes; the time at which it runs out is for the server to say. */
export const WORKER_COLUMNS =
  'id, host, pid, process_identity, version, queues, handlers, limits, concurrency, ' +
  'lease, in_flight, stuck, lingering, loop_lag';

/** A registration as the values of {@link WORKER_COLUMNS}. */
export function workerValues(worker: WorkerRegistration, beat: WorkerBeat): unknown[] {
  return [
    worker.id,
    worker.host,
    worker.pid,
    worker.processIdentity,
    worker.version,
    worker.queues && JSON.stringify(worker.queues),
    JSON.stringify(worker.handlers),
    JSON.stringify(worker.limits),
    worker.concurrency,
    ...beatValues(beat),
  ];
}

/** What a sign of life writes: the last of {@link WORKER_COLUMNS}. */
export function beatValues({ lease, inFlight, stuck, lingering, loopLag }: WorkerBeat): unknown[] {
  return [lease, inFlight, stuck, JSON.stringify(lingering), loopLag];
}

/** How long a sign of life may take before another connection is to be tried, in ms. */
export function beatTimeout({ lease }: WorkerBeat): number {
  return Math.min(LONGEST_RENEWAL, Math.max(SHORTEST_RENEWAL, lease / 3));
}
