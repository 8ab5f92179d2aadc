import type { NewTask } from '../../../../core/task.js';
import { TASK_COLUMN_LIST, TASK_COLUMNS, taskColumns, type TaskColumn } from '../task-row.js';

/**
 * How the values of many new tasks are sent: `each`; those that are `shared` by all of them once;
 * and a `rare` one, which none of them has, not at all.
 */
const WAYS: Readonly<Record<TaskColumn, readonly [type: string, way: 'each' | 'shared' | 'rare']>> =
  {
    id: ['text', 'each'],
    name: ['text', 'shared'],
    queue: ['text', 'shared'],
    payload: ['text', 'each'],
    priority: ['int', 'shared'],
    eta: ['bigint', 'shared'],
    max_attempts: ['int', 'rare'],
    timeout: ['bigint', 'rare'],
    backoff: ['text', 'rare'],
    meta: ['text', 'rare'],
    created_at: ['bigint', 'shared'],
  };

const LISTS = TASK_COLUMNS.map((column, i) => `$${i + 1}::${WAYS[column][0]}[]`);

/** `unnest` fills up the shorter lists with nulls, so that the first value can take their place. */
const SELECTED = TASK_COLUMNS.map((column, i) =>
  WAYS[column][1] === 'shared' ? `coalesce(${column}, (${LISTS[i]!})[1])` : column,
);

/** Many new tasks; its parameters are the {@link insertColumns}. */
export const INSERT = `INSERT INTO {task} (${TASK_COLUMN_LIST})
  SELECT ${SELECTED.join(', ')} FROM unnest(${LISTS.join(', ')}) AS new(${TASK_COLUMN_LIST})
  ON CONFLICT (id) DO NOTHING`;

/** One list per column, as short as may be. */
export function insertColumns(tasks: readonly NewTask[]): unknown[][] {
  const columns = taskColumns(tasks);
  return TASK_COLUMNS.map((column, i) => brief(columns[i]!, WAYS[column][1]));
}

function brief(values: unknown[], way: 'each' | 'shared' | 'rare'): unknown[] {
  const [first] = values;
  const isBrief = way === 'shared' || (way === 'rare' && first === null);
  if (!isBrief || values.some((value) => value !== first)) return values;
  return way === 'shared' ? values.slice(0, 1) : [];
}
