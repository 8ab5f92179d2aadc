import type { StoredWorker } from '../../../core/capabilities/worker-listing-backend.js';
import type { WorkerRow } from '../entities/worker.entity.js';

/**
 * Reads the row of a worker.
 *
 * @param running how many tasks it runs by handler, as JSON; null for none.
 * @param now the time of the store.
 */
export function storedWorker(row: WorkerRow, running: string | null, now: number): StoredWorker {
  const { id, host, pid, version, queues, handlers, limits, concurrency, stuck } = row;
  return {
    id,
    host,
    pid,
    version,
    queues: queues === null ? null : (JSON.parse(queues) as string[]),
    handlers: JSON.parse(handlers) as string[],
    limits: counts(limits),
    concurrency,
    lingering: counts(row.lingering),
    running: counts(running),
    stuck,
    loopLag: row.loop_lag,
    startedAt: row.started_at,
    lastBeatAt: row.expires_at - row.lease, // each sign of life sets it one lease ahead
    expiresAt: row.expires_at,
    alive: row.expires_at > now,
  };
}

function counts(json: string | null): Record<string, number> {
  return json === null ? {} : (JSON.parse(json) as Record<string, number>);
}
