import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import { ago } from '../ago.js';
import type { Check } from '../check.js';
import { currentTime } from '../current-time.js';
import type { Patient } from '../patient.js';

interface Lane {
  readonly queue: string;
  readonly handler: string;
  /** Tasks that could start now. */
  readonly waiting: number;
  /** For how long the oldest of them could, in ms. */
  readonly oldest: number;
  /** Whether a living worker takes them. */
  readonly isServed: boolean;
}

/** What waits in each queue, for how long, and whether anybody takes it. */
export const queuesCheck: Check = {
  name: 'queues',
  after: 'boot',
  run: async (patient) => {
    const lanes = await waitingLanes(patient);
    if (lanes.length === 0) return { state: 'well', text: 'nothing waits' };
    const queues = [...new Set(lanes.map(({ queue }) => queue))];
    const waiting = sum(lanes);
    const finding = {
      text: `${waiting} ${waiting === 1 ? 'task waits' : 'tasks wait'}`,
      lines: queues.map((queue) => describe(lanes.filter((lane) => lane.queue === queue))),
      data: { waiting, lanes },
    };
    if (lanes.every(({ isServed }) => isServed)) return { state: 'well', ...finding };
    return {
      state: 'warning',
      remedy: 'Start a worker with these queues and handlers, or cancel the tasks.',
      ...finding,
    };
  },
};

/** @param lanes of one queue, the oldest first. */
function describe(lanes: readonly Lane[]): string {
  const [{ queue, oldest }] = lanes as [Lane];
  const unserved = lanes.filter(({ isServed }) => !isServed).map(({ handler }) => handler);
  const rest = unserved.length === 0 ? '' : `; no living worker takes ${unserved.join(', ')}`;
  return `${queue}: ${sum(lanes)}, the oldest due ${ago(oldest)}${rest}`;
}

async function waitingLanes(patient: Patient): Promise<Lane[]> {
  const { dataSource, dialect } = patient;
  const now = await currentTime(patient);
  const workers = (await dialect.listWorkers()).filter(({ alive }) => alive);
  const rows = await dataSource.query<
    { queue: string; name: string; waiting: unknown; since: unknown }[]
  >(
    dialect.schema.names.in(
      `SELECT queue, name, count(*) AS waiting, min(eta) AS since FROM {task}
       WHERE status = 'queued' AND eta <= ${now} GROUP BY queue, name ORDER BY 4, 1, 2`,
    ),
  );
  return rows.map(({ queue, name, waiting, since }) => ({
    queue,
    handler: name,
    waiting: Number(waiting),
    oldest: now - Number(since),
    isServed: workers.some((worker) => takes(worker, queue, name)),
  }));
}

function takes({ queues, handlers }: StoredWorker, queue: string, handler: string): boolean {
  return (queues === null || queues.includes(queue)) && handlers.includes(handler);
}

function sum(lanes: readonly Lane[]): number {
  return lanes.reduce((total, { waiting }) => total + waiting, 0);
}
