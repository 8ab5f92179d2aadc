import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

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
  version: string | null;
  limits: string | null;
  concurrency: number | null;
  lingering: string | null;
  loop_lag: number | null;
}

/** One worker and until when its tasks are its own. */
export function workerEntity({ names, types }: SchemaTraits) {
  const { name, text, instant, integer } = types;
  return new EntitySchema<WorkerRow>({
    name: 'SitqWorker',
    tableName: names.plain('worker'),
    schema: names.schema,
    columns: {
      id: { ...name, primary: true },
      host: { ...text },
      pid: { ...integer },
      process_identity: { ...text, nullable: true },
      queues: { ...text, nullable: true },
      handlers: { ...text },
      lease: { ...instant },
      expires_at: { ...instant },
      in_flight: { ...integer, default: 0 },
      stuck: { ...integer, default: 0 },
      started_at: { ...instant },
      // Since the second migration. Processes of the version before it leave them empty.
      version: { ...text, nullable: true },
      limits: { ...text, nullable: true },
      concurrency: { ...integer, nullable: true },
      lingering: { ...text, nullable: true },
      loop_lag: { ...integer, nullable: true },
    },
  });
}
