import type { NewTask } from '../../../core/task.js';

/** What an enqueue writes, in the order of {@link taskRow}. */
export const TASK_COLUMNS =
  'id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta, created_at';

/** A new task as the values of its columns. */
export function taskRow(task: NewTask): unknown[] {
  return [
    task.id,
    task.name,
    task.queue,
    task.payload,
    task.priority,
    task.eta,
    task.maxAttempts,
    task.timeout,
    task.backoff,
    task.meta,
    task.createdAt,
  ];
}
