import { readStoredError } from '../../../core/read-stored-error.js';
import type { StoredError } from '../../../core/result.js';

const CODE = 'SITQ_WORKER_LOST';

/**
 * The error of a task that lost its worker, as it is stored. Where the attempts before lost theirs
 * too, it names all of these workers: such a task may be what ends them.
 *
 * @param before what was stored before.
 */
export function workerLost(
  workerId: string | null,
  attempt: number,
  before: string | null,
): string {
  const earlier = readStoredError(before);
  const messages = earlier?.code === CODE ? [earlier.message] : [];
  messages.push(
    `Worker ${workerId ?? 'unknown'} died or lost its lease during attempt ${attempt}.`,
  );
  const error: StoredError = {
    name: 'WorkerLostError',
    message: messages.join(' '),
    stack: null,
    code: CODE,
  };
  return JSON.stringify(error);
}
