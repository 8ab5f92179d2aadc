import { EntitySchema } from 'typeorm';

/** A row of `sitq_progress`: names as in the database. */
export interface ProgressRow {
  task_seq: number;
  value: string;
}

/**
 * The latest progress of a task, apart from the task so that writing it often does not rewrite
 * the payload.
 *
 * @publicApi
 */
export const ProgressEntity = new EntitySchema<ProgressRow>({
  name: 'SitqProgress',
  tableName: 'sitq_progress',
  columns: {
    task_seq: { type: 'integer', primary: true },
    value: { type: 'text' },
  },
});
