import { EntitySchema } from 'typeorm';

/** A row of `sitq_task`: names as in the database. */
export interface TaskRow {
  seq: number;
  id: string;
  name: string;
  queue: string;
  status: string;
  priority: number;
  eta: number;
  payload: string;
  attempt: number;
  max_attempts: number | null;
  lease: number;
  worker_id: string | null;
  timeout: number | null;
  backoff: string | null;
  meta: string | null;
  cancel_requested_at: number | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  result: string | null;
  error: string | null;
}

/**
 * One task. `seq` is the order of enqueueing. Three small partial indexes: what waits, in exactly
 * the claim's order; what runs, by worker; what has ended, by time.
 *
 * @publicApi
 */
export const TaskEntity = new EntitySchema<TaskRow>({
  name: 'SitqTask',
  tableName: 'sitq_task',
  columns: {
    // Not AUTOINCREMENT, whose bookkeeping would be one more page in every commit.
    seq: { type: 'integer', primary: true },
    id: { type: 'text' },
    name: { type: 'text' },
    queue: { type: 'text' },
    status: { type: 'text', default: 'queued' },
    priority: { type: 'integer', default: 0 },
    eta: { type: 'integer' },
    payload: { type: 'text' },
    attempt: { type: 'integer', default: 0 },
    max_attempts: { type: 'integer', nullable: true },
    lease: { type: 'integer', default: 0 },
    worker_id: { type: 'text', nullable: true },
    timeout: { type: 'integer', nullable: true },
    backoff: { type: 'text', nullable: true },
    meta: { type: 'text', nullable: true },
    cancel_requested_at: { type: 'integer', nullable: true },
    created_at: { type: 'integer' },
    started_at: { type: 'integer', nullable: true },
    finished_at: { type: 'integer', nullable: true },
    result: { type: 'text', nullable: true },
    error: { type: 'text', nullable: true },
  },
  indices: [
    { name: 'sitq_task_id', columns: ['id'], unique: true },
    {
      name: 'sitq_task_ready',
      columns: ['queue', 'name', 'priority', 'eta'],
      where: `status = 'queued'`,
    },
    {
      name: 'sitq_task_running',
      columns: ['worker_id', 'cancel_requested_at'],
      where: `status = 'running'`,
    },
    {
      name: 'sitq_task_finished',
      columns: ['status', 'finished_at'],
      where: 'finished_at IS NOT NULL',
    },
  ],
});
