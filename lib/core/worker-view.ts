import type { StoredWorker } from './capabilities/worker-listing-backend.js';
import type { WorkerInfo } from './worker-info.js';

/** Reads a stored worker for the application. */
export function toWorkerInfo(stored: StoredWorker): WorkerInfo {
  const { expiresAt, lastBeatAt, startedAt, ...rest } = stored;
  let inFlight = 0;
  for (const tasks of Object.values(stored.running)) inFlight += tasks;
  return {
    ...rest,
    inFlight,
    startedAt: new Date(startedAt),
    lastBeatAt: new Date(lastBeatAt),
    leaseExpiresAt: new Date(expiresAt),
  };
}
