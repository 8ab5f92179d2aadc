import type { PayloadCodec } from './payload-codec.js';
import type { StoredError, StoredResult, Result } from './result.js';
import type { StoredTask, Task } from './task.js';

/** Reads a stored task for the application. */
export function toTask(stored: StoredTask, codec: PayloadCodec): Task {
  return {
    id: stored.id,
    name: stored.name,
    queue: stored.queue,
    args: codec.decode(stored.payload) as unknown[],
    status: stored.status,
    priority: stored.priority,
    eta: new Date(stored.eta),
    attempt: stored.attempt,
    maxAttempts: stored.maxAttempts,
    workerId: stored.workerId,
    meta: stored.meta === null ? {} : (JSON.parse(stored.meta) as Record<string, string>),
    progress: stored.progress === null ? null : codec.decode(stored.progress),
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
