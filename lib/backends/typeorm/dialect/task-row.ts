import type { NewTask } from '../../../core/task.js';

/** What an enqueue writes: the columns and where their values stand in a new task. */
const COLUMNS = {
  id: 'id',
  name: 'name',
  queue: 'queue',
  payload: 'payload',
  priority: 'priority',
  eta: 'eta',
  max_attempts: 'maxAttempts',
  timeout: 'timeout',
  backoff: 'backoff',
  meta: 'meta',
  created_at: 'createdAt',
} as const satisfies Readonly<Record<string, keyof NewTask>>;

const FIELDS = Object.values(COLUMNS);

/** The name of such a column. */
export type TaskColumn = keyof typeof COLUMNS;

/** The names of the columns, in the order of their values. */
export const TASK_COLUMNS = Object.keys(COLUMNS) as readonly TaskColumn[];

/** The same as text. */
export const TASK_COLUMN_LIST = TASK_COLUMNS.join(', ');

/** A new task as the values of these columns. */
export function taskRow(task: NewTask): unknown[] {
  return FIELDS.map((field) => task[field]);
}

/** New tasks as one list of values for each of these columns. */
export function taskColumns(tasks: readonly NewTask[]): unknown[][] {
  return FIELDS.map((field) => tasks.map((task) => task[field]));
}
