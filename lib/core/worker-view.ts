import type { StoredWorker } from './capabilities/worker-listing-backend.js';
import type { WorkerInfo } from './worker-info.js';

/** Reads a stored worker for the application. */
export function toWorkerInfo(stored: StoredWorker): WorkerInfo {
  const { expiresAt, lastBeatAt, lingering, running: tasks, startedAt, ...rest } = stored;
  const running = new Map(Object.entries(tasks));
  for (const [name, runs] of Object.entries(lingering)) {
    running.set(name, runs + (running.get(name) ?? 0));
  }
  let inFlight = 0;
  for (const runs of running.values()) inFlight += runs;
  return {
    ...rest,
    inFlight,
    running: Object.fromEntries(running),
    startedAt: new Date(startedAt),
    lastBeatAt: new Date(lastBeatAt),
    leaseExpiresAt: new Date(expiresAt),
  };
}
