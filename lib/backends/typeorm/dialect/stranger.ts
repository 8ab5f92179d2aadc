import type { WorkerBeat, WorkerRegistration } from '../../../core/capabilities/leasing-backend.js';
import { currentProcess } from '../../../core/process-identity.js';
import { VERSION } from '../../../core/version.js';

/** How long a worker that never registered may hold what it claims, in ms. */
const LEASE = 30_000;

/** The registration of a worker that claims without one, of which little is known. */
export function stranger(id: string): { worker: WorkerRegistration; beat: WorkerBeat } {
  const { host, pid, identity: processIdentity } = currentProcess();
  return {
    worker: {
      id,
      host,
      pid,
      processIdentity,
      version: VERSION,
      queues: null,
      handlers: [],
      limits: {},
      concurrency: null,
    },
    beat: { lease: LEASE, inFlight: 0, stuck: 0, lingering: {}, loopLag: null },
  };
}
