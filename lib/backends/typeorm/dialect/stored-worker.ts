import type { StoredWorker } from '../../../core/capabilities/worker-listing-backend.js';
import { readJson } from '../../../core/read-json.js';
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
    queues: queues === null ? null : names(queues),
    handlers: names(handlers),
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

function names(json: string): string[] {
  const stored = readJson(json);
  return Array.isArray(stored) ? stored.map(String) : [];
}

function counts(json: string | null): Record<string, number> {
  const stored = json === null ? undefined : readJson(json);
  return typeof stored === 'object' && stored !== null ? (stored as Record<string, number>) : {};
}
