import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import { ago } from '../ago.js';
import type { Check } from '../check.js';
import { currentTime } from '../current-time.js';

/** Who runs tasks, who was lost, and who hangs. */
export const workersCheck: Check = {
  name: 'workers',
  after: 'boot',
  run: async (patient) => {
    const workers = await patient.dialect.listWorkers();
    const now = await currentTime(patient);
    const alive = workers.filter((worker) => worker.alive);
    const stale = workers.filter((worker) => !worker.alive);
    const stuck = alive.filter((worker) => worker.stuck > 0);
    const data = { alive: alive.length, stale: stale.length, stuck: stuck.length, workers };
    const lines = [
      ...stale.map((worker) => `${nameOf(worker)}: silent since ${ago(now - worker.lastBeatAt)}`),
      ...stuck.map((worker) => `${nameOf(worker)}: ${worker.stuck} handlers ignore their timeout`),
    ];
    if (lines.length === 0) return { state: 'well', text: `${alive.length} alive`, data };
    const parts = [`${alive.length} alive`];
    if (stale.length > 0) parts.push(`${stale.length} stale`);
    if (stuck.length > 0) parts.push(`${stuck.length} stuck`);
    const text = parts.join(', ');
    if (stale.length === 0) return { state: 'warning', text, lines, data };
    const remedy =
      alive.length > 0 ? 'The living ones take over from the stale.' : 'A new worker takes over.';
    return { state: 'warning', text, remedy, lines, data };
  },
};

function nameOf({ id, host, pid }: StoredWorker): string {
  return `${id} on ${host}, pid ${pid}`;
}
