import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

/** A row of `sitq_progress`: names as in the database. */
export interface ProgressRow {
  task_seq: number;
  value: string;
}

/**
 * The latest progress of a task, apart from the task so that writing it often does not rewrite
 * the payload.
 */
export function progressEntity({ names, types }: SchemaTraits) {
  const { text, instant } = types;
  return new EntitySchema<ProgressRow>({
    name: 'SitqProgress',
    tableName: names.plain('progress'),
    schema: names.schema,
    columns: {
      task_seq: { ...instant, primary: true },
      value: { ...text },
    },
  });
}
