import { EntitySchema } from 'typeorm';

/** A row of `sitq_log`: names as in the database. */
export interface LogLineRow {
  seq: number;
  task_seq: number;
  attempt: number;
  at: number;
  line: string;
}

/**
 * One line that a handler logged.
 *
 * @publicApi
 */
export const LogLineEntity = new EntitySchema<LogLineRow>({
  name: 'SitqLogLine',
  tableName: 'sitq_log',
  columns: {
    seq: { type: 'integer', primary: true, generated: true },
    task_seq: { type: 'integer' },
    attempt: { type: 'integer' },
    at: { type: 'integer' },
    line: { type: 'text' },
  },
  indices: [{ name: 'sitq_log_task', columns: ['task_seq'] }],
});
