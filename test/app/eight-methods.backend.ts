import {
  Backend,
  LeaseLostError,
  TaskNotFoundError,
  ValidationError,
  type FinalResult,
  type NewTask,
  type ReservedTask,
  type ReserveRequest,
  type StatusChange,
  type StoredResult,
  type StoredTask,
  type TaskStatus,
} from 'nestjs-sitq';

type Row = { -readonly [K in keyof StoredTask]: StoredTask[K] } & {
  value: string | null;
  error: StoredResult['error'];
};

const RESULT_STATUS = { completed: 'success', failed: 'failed', cancelled: 'cancelled' } as const;
const TASK_STATUS = { success: 'completed', failed: 'failed', cancelled: 'cancelled' } as const;

/** The least that a custom backend must be: tasks in a Map, eight methods, no capabilities. */
export class EightMethodsBackend extends Backend {
  private readonly rows = new Map<string, Row>();

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async enqueueTask(task: NewTask): Promise<void> {
    const known = this.rows.get(task.id);
    if (!known) {
      this.rows.set(task.id, { ...task, ...UNTOUCHED });
    } else if (known.name !== task.name || known.payload !== task.payload) {
      throw new ValidationError(`The id '${task.id}' is taken.`, 'id', task.id);
    }
  }

  async reserveTask(workerId: string, request: ReserveRequest = {}): Promise<ReservedTask[]> {
    const { maxTasks = 1, queues, handlers } = request;
    const now = Date.now();
    const free = new Map([...(handlers ?? [])].map(([name, capacity]) => [name, capacity.free]));
    const ready = [...this.rows.values()]
      .filter((row) => row.status === 'queued' && row.eta <= now)
      .filter((row) => !queues || queues.includes(row.queue))
      .sort((a, b) => b.priority - a.priority || a.eta - b.eta); // stable: then as enqueued
    const taken: ReservedTask[] = [];
    for (const row of ready) {
      if (taken.length === maxTasks) break;
      const room = handlers ? (free.get(row.name) ?? 0) : Infinity;
      if (room < 1) continue;
      free.set(row.name, room - 1);
      row.status = 'running';
      row.attempt += 1;
      row.lease += 1;
      row.workerId = workerId;
      row.startedAt = now;
      row.maxAttempts ??= handlers?.get(row.name)?.maxAttempts ?? null;
      taken.push(reserved(row));
    }
    return taken;
  }

  async getTask(taskId: string): Promise<StoredTask | null> {
    const row = this.rows.get(taskId);
    if (!row) return null;
    const { value: _value, error: _error, ...task } = row;
    return task;
  }

  async updateTaskStatus(
    taskId: string,
    status: 'queued' | 'cancelled',
    { lease, eta, giveBack, error }: StatusChange = {},
  ): Promise<void> {
    if (lease !== undefined) {
      const row = this.held(taskId, lease);
      row.status = 'queued';
      row.workerId = null;
      row.eta = eta ?? row.eta;
      row.error = error ?? row.error;
      if (giveBack) row.attempt -= 1;
      return;
    }
    const row = this.row(taskId);
    if (row.status !== 'queued' || status !== 'cancelled') {
      throw new ValidationError(`Task ${taskId} is ${row.status}.`, 'status', status);
    }
    end(row, 'cancelled');
  }

  async storeResult(taskId: string, result: FinalResult): Promise<void> {
    const row = this.held(taskId, result.lease);
    row.value = result.status === 'success' ? result.value : null;
    row.error = result.status === 'failed' ? result.error : null;
    end(row, TASK_STATUS[result.status]);
  }

  async getResult(taskId: string): Promise<StoredResult | null> {
    const row = this.rows.get(taskId);
    if (!row) return null;
    const { value, error, createdAt, finishedAt: completedAt } = row;
    const status = RESULT_STATUS[row.status as keyof typeof RESULT_STATUS] ?? 'pending';
    return { taskId, status, value, error, createdAt, completedAt };
  }

  private row(taskId: string): Row {
    const row = this.rows.get(taskId);
    if (!row) throw new TaskNotFoundError(taskId);
    return row;
  }

  private held(taskId: string, lease: number): Row {
    const row = this.row(taskId);
    if (row.status !== 'running' || row.lease !== lease) throw new LeaseLostError(taskId, lease);
    return row;
  }
}

const UNTOUCHED = {
  status: 'queued',
  attempt: 0,
  lease: 0,
  workerId: null,
  cancelRequestedAt: null,
  startedAt: null,
  finishedAt: null,
  progress: null,
  value: null,
  error: null,
} as const;

function end(row: Row, status: TaskStatus): void {
  row.status = status;
  row.finishedAt = Date.now();
}

function reserved(row: Row): ReservedTask {
  const { id, name, queue, payload, priority, eta, maxAttempts, timeout, backoff, meta } = row;
  const { createdAt, attempt, lease } = row;
  return {
    id,
    name,
    queue,
    payload,
    priority,
    eta,
    maxAttempts,
    timeout,
    backoff,
    meta,
    createdAt,
    attempt,
    lease,
  };
}
