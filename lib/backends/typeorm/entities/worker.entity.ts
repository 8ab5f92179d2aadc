import { EntitySchema } from 'typeorm';

/** A row of `sitq_worker`: names as in the database. */
export interface WorkerRow {
  id: string;
  host: string;
  pid: number;
  process_identity: string | null;
  queues: string | null;
  handlers: string;
  lease: number;
  expires_at: number;
  in_flight: number;
  stuck: number;
  started_at: number;
}

/**
 * One worker and until when its tasks are its own.
 *
 * @publicApi
 */
export const WorkerEntity = new EntitySchema<WorkerRow>({
  name: 'SitqWorker',
  tableName: 'sitq_worker',
  columns: {
    id: { type: 'text', primary: true },
    host: { type: 'text' },
    pid: { type: 'integer' },
    process_identity: { type: 'text', nullable: true },
    queues: { type: 'text', nullable: true },
    handlers: { type: 'text' },
    lease: { type: 'integer' },
    expires_at: { type: 'integer' },
    in_flight: { type: 'integer', default: 0 },
    stuck: { type: 'integer', default: 0 },
    started_at: { type: 'integer' },
  },
});
