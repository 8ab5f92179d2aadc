import type { PayloadCodec } from './payload-codec.js';
import { readArgs } from './read-args.js';
import { readMeta } from './read-meta.js';
import type { StoredError, StoredResult, Result } from './result.js';
import type { StoredTask, Task } from './task.js';

/** Reads a stored task for the application, which sees the rest of it whatever one column holds. */
export function toTask(stored: StoredTask, codec: PayloadCodec): Task {
  return {
    id: stored.id,
    name: stored.name,
    queue: stored.queue,
    args: orElse([], () => readArgs(stored.payload, codec)),
    status: stored.status,
    priority: stored.priority,
    eta: new Date(stored.eta),
    attempt: stored.attempt,
    maxAttempts: stored.maxAttempts,
    workerId: stored.workerId,
    meta: readMeta(stored.meta),
    progress: stored.progress === null ? null : orElse(null, () => codec.decode(stored.progress!)),
    cancelRequested: stored.cancelRequestedAt !== null,
    createdAt: new Date(stored.createdAt),
    startedAt: stored.startedAt === null ? null : new Date(stored.startedAt),
    finishedAt: stored.finishedAt === null ? null : new Date(stored.finishedAt),
  };
}

/** Reads a stored result for the application. */
export function toResult(stored: StoredResult): Result {
  const error: Partial<StoredError> = stored.error ?? {};
  return {
    taskId: stored.taskId,
    status: stored.status,
    value: stored.value,
    error: error.message ?? null,
    errorName: error.name ?? null,
    errorCode: error.code ?? null,
    stack: error.stack ?? null,
    createdAt: new Date(stored.createdAt),
    completedAt: stored.completedAt === null ? null : new Date(stored.completedAt),
  };
}

/** What `read` makes of a column, or this where it cannot. */
function orElse<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
