import { EntitySchema } from 'typeorm';
import type { SchemaTraits } from '../schema-traits.js';

/** A row of `sitq_log`: names as in the database. */
export interface LogLineRow {
  seq: number;
  task_seq: number;
  attempt: number;
  at: number;
  line: string;
  task_id: string | null;
  task_created_at: number | null;
}

/**
 * One line that a handler logged. A `seq` may be given to another task once its own was removed by
 * hand: so a line is of the task that also has this id and was created at this instant.
 */
export function logLineEntity({ names, types, lineKey }: SchemaTraits) {
  const { name, text, instant, integer } = types;
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
      // Since the third migration. Processes of the version before it leave them empty.
      task_id: { ...name, nullable: true },
      task_created_at: { ...instant, nullable: true },
    },
    indices: [{ name: names.plain('log_task'), columns: ['task_seq'] }],
  });
}
