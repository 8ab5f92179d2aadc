import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

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

/** One task. `seq` is the order of enqueueing. */
export function taskEntity({ names, types, taskKey, taskIndices }: SchemaTraits) {
  const { name, text, word, instant, integer, small } = types;
  return new EntitySchema<TaskRow>({
    name: 'SitqTask',
    tableName: names.plain('task'),
    schema: names.schema,
    columns: {
      seq: { ...taskKey.seq },
      id: { ...name, ...taskKey.id },
      name: { ...name },
      queue: { ...name },
      status: { ...word, default: 'queued' },
      priority: { ...small, default: 0 },
      eta: { ...instant },
      payload: { ...text },
      attempt: { ...integer, default: 0 },
      max_attempts: { ...integer, nullable: true },
      lease: { ...integer, default: 0 },
      worker_id: { ...name, nullable: true },
      timeout: { ...instant, nullable: true },
      backoff: { ...text, nullable: true },
      meta: { ...text, nullable: true },
      cancel_requested_at: { ...instant, nullable: true },
      created_at: { ...instant },
      started_at: { ...instant, nullable: true },
      finished_at: { ...instant, nullable: true },
      result: { ...text, nullable: true },
      error: { ...text, nullable: true },
    },
    indices: taskIndices.map((index) => ({ ...index, name: names.plain(index.name) })),
  });
}
