import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

/** A row of `sitq_log`: names as in the database. */
export interface LogLineRow {
  seq: number;
  task_seq: number;
  attempt: number;
  at: number;
  line: string;
}

/** One line that a handler logged. */
export function logLineEntity({ names, types, lineKey }: SchemaTraits) {
  const { text, instant, integer } = types;
  return new EntitySchema<LogLineRow>({
    name: 'SitqLogLine',
    tableName: names.plain('log'),
    schema: names.schema,
    columns: {
      seq: { ...lineKey },
      task_seq: { ...instant },
      attempt: { ...integer },
      at: { ...instant },
      line: { ...text },
    },
    indices: [{ name: names.plain('log_task'), columns: ['task_seq'] }],
  });
}
