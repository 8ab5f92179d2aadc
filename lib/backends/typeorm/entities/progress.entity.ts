import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

/** A row of `sitq_progress`: names as in the database. */
export interface ProgressRow {
  task_seq: number;
  value: string;
  task_id: string | null;
  task_created_at: number | null;
}

/**
 * The latest progress of a task, apart from the task so that writing it often does not rewrite
 * the payload. Of the task that has this id and this instant, too, as a line of the log is.
 */
export function progressEntity({ names, types }: SchemaTraits) {
  const { name, text, instant } = types;
  return new EntitySchema<ProgressRow>({
    name: 'SitqProgress',
    tableName: names.plain('progress'),
    schema: names.schema,
    columns: {
      task_seq: { ...instant, primary: true },
      value: { ...text },
      task_id: { ...name, nullable: true },
      task_created_at: { ...instant, nullable: true },
    },
  });
}
