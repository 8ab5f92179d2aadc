import type {
  FinalResult,
  NewTask,
  ReservedTask,
  ReserveRequest,
  StatusChange,
  StoredResult,
  StoredTask,
} from 'nestjs-sitq';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EightMethodsBackend } from './eight-methods.backend.js';

type Mutation = ThisType<EightMethodsBackend> & Partial<EightMethodsBackend>;

const right = EightMethodsBackend.prototype;

/**
 * Backends with one mistake each, as authors of backends make them. The suite must notice every
 * one of them.
 */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'loses a task': {
    async enqueueTask(task) {
      if (task.priority < 0) return;
      await right.enqueueTask.call(this, task);
    },
  },
  'takes another task under the same id': {
    async enqueueTask(task) {
      await right.enqueueTask.call(this, task).catch(() => undefined);
    },
  },
  'refuses a repeated task': {
    async enqueueTask(task) {
      if (await this.getTask(task.id)) throw new Error('duplicate key');
      await right.enqueueTask.call(this, task);
    },
  },
  'cuts long payloads': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, payload: task.payload.slice(0, 65_535) });
    },
  },
  'keeps payloads in Latin-1': {
    enqueueTask(task: NewTask) {
      const payload = Buffer.from(task.payload, 'latin1').toString('latin1');
      return right.enqueueTask.call(this, { ...task, payload });
    },
  },
  'forgets meta': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, meta: null });
    },
  },
  'fills in a limit of attempts': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, maxAttempts: task.maxAttempts ?? 3 });
    },
  },
  'cuts long names': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, name: task.name.slice(0, 64) });
    },
  },
  'ignores the eta': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, eta: 0 });
    },
  },
  'ignores the priority': {
    enqueueTask(task: NewTask) {
      return right.enqueueTask.call(this, { ...task, priority: 0 });
    },
  },
  'hands out the latest first': changedClaim((tasks) => tasks.reverse()),
  'hands out more than asked for': {
    reserveTask(workerId: string, request: ReserveRequest = {}) {
      const maxTasks = (request.maxTasks ?? 1) + 1;
      return right.reserveTask.call(this, workerId, { ...request, maxTasks });
    },
  },
  'ignores queues': {
    reserveTask(workerId: string, request: ReserveRequest = {}) {
      return right.reserveTask.call(this, workerId, { ...request, queues: undefined });
    },
  },
  'ignores handlers': {
    reserveTask(workerId: string, request: ReserveRequest = {}) {
      return right.reserveTask.call(this, workerId, { ...request, handlers: undefined });
    },
  },
  'ignores the capacity of handlers': {
    reserveTask(workerId: string, { handlers, ...rest }: ReserveRequest = {}) {
      const boundless = handlers && new Map([...handlers].map(([k, v]) => [k, { ...v, free: 9 }]));
      return right.reserveTask.call(this, workerId, { ...rest, handlers: boundless });
    },
  },
  'respects the capacity after the claim only': {
    async reserveTask(workerId: string, { handlers, ...rest }: ReserveRequest = {}) {
      const boundless = handlers && new Map([...handlers].map(([k, v]) => [k, { ...v, free: 9 }]));
      const tasks = await right.reserveTask.call(this, workerId, { ...rest, handlers: boundless });
      const kept: ReservedTask[] = [];
      for (const task of tasks) {
        const taken = kept.filter(({ name }) => name === task.name).length;
        if (taken < (handlers?.get(task.name)?.free ?? Infinity)) kept.push(task);
        else await this.updateTaskStatus(task.id, 'queued', { lease: task.lease, giveBack: true });
      }
      return kept;
    },
  },
  'counts the attempt later': changedClaim((tasks) =>
    tasks.map((task) => ({ ...task, attempt: task.attempt - 1 })),
  ),
  'hands the same tasks to claims that come at once': (() => {
    let current: Promise<ReservedTask[]> | undefined;
    return {
      reserveTask(workerId: string, request?: ReserveRequest) {
        current ??= nextTurn()
          .then(() => right.reserveTask.call(this, workerId, request))
          .finally(() => (current = undefined));
        return current;
      },
    };
  })(),
  'hands out running tasks again': (() => {
    let last: ReservedTask[] = [];
    return {
      async reserveTask(workerId: string, request?: ReserveRequest) {
        for (const { id, lease } of last) {
          await right.updateTaskStatus.call(this, id, 'queued', { lease }).catch(() => undefined);
        }
        last = await right.reserveTask.call(this, workerId, request);
        return last;
      },
    };
  })(),
  'answers null when nothing waits': changedClaim((tasks) =>
    tasks.length > 0 ? tasks : (null as never),
  ),
  'does not check the lease of a result': {
    async storeResult(taskId: string, result: FinalResult) {
      const lease = (await this.getTask(taskId))?.lease ?? result.lease;
      await right.storeResult.call(this, taskId, { ...result, lease });
    },
  },
  'drops a stale result in silence': {
    async storeResult(taskId: string, result: FinalResult) {
      await right.storeResult.call(this, taskId, result).catch(() => undefined);
    },
  },
  'does not check the lease of a change': {
    async updateTaskStatus(taskId, status, change: StatusChange = {}) {
      const lease = change.lease && (await this.getTask(taskId))?.lease;
      await right.updateTaskStatus.call(this, taskId, status, { ...change, lease });
    },
  },
  'refuses changes in silence': {
    async updateTaskStatus(taskId, status, change?: StatusChange) {
      await right.updateTaskStatus.call(this, taskId, status, change).catch(() => undefined);
    },
  },
  'cannot cancel': {
    async updateTaskStatus(taskId, status, change?: StatusChange) {
      if (status === 'queued') await right.updateTaskStatus.call(this, taskId, status, change);
    },
  },
  'never gives attempts back': changedChange((change) => ({ ...change, giveBack: false })),
  'always gives attempts back': changedChange((change) => ({ ...change, giveBack: true })),
  'forgets why an attempt failed': changedChange((change) => ({ ...change, error: undefined })),
  'retries at once': changedChange((change) => ({ ...change, eta: undefined })),
  'puts a retry off': changedChange((change) => ({
    ...change,
    eta: change.eta ?? Date.now() + 60_000,
  })),
  'completes what was cancelled': {
    storeResult(taskId: string, result: FinalResult) {
      const { lease, status } = result;
      const completed = { lease, status: 'success', value: null } as const;
      return right.storeResult.call(this, taskId, status === 'cancelled' ? completed : result);
    },
  },
  'loses the value': changedResult((result) => ({ ...result, value: null })),
  'loses the error': changedResult((result) => ({ ...result, error: null })),
  'loses when it ended': changedResult((result) => ({ ...result, completedAt: null })),
  'has no result before the end': {
    async getResult(taskId: string) {
      const result = await right.getResult.call(this, taskId);
      return result?.status === 'pending' ? null : result;
    },
  },
  'invents tasks': {
    async getTask(taskId: string) {
      const task = await right.getTask.call(this, taskId);
      return task ?? ({ id: taskId, status: 'queued' } as StoredTask);
    },
  },
  'does not name the worker': {
    async getTask(taskId: string) {
      const task = await right.getTask.call(this, taskId);
      return task && { ...task, workerId: null };
    },
  },
  'closes only once': (() => {
    const closed = new WeakSet<object>();
    return {
      async close() {
        if (closed.has(this)) throw new Error('not open');
        closed.add(this);
      },
    };
  })(),
};

/** A fresh backend with that mistake. */
export function mutant(mutation: Mutation): EightMethodsBackend {
  return Object.assign(new EightMethodsBackend(), mutation);
}

function changedClaim(change: (tasks: ReservedTask[]) => ReservedTask[]): Mutation {
  return {
    async reserveTask(workerId: string, request?: ReserveRequest) {
      return change(await right.reserveTask.call(this, workerId, request));
    },
  };
}

function changedChange(make: (change: StatusChange) => StatusChange): Mutation {
  return {
    updateTaskStatus(taskId, status, change = {}) {
      return right.updateTaskStatus.call(this, taskId, status, make(change));
    },
  };
}

function changedResult(change: (result: StoredResult) => StoredResult): Mutation {
  return {
    async getResult(taskId: string) {
      const result = await right.getResult.call(this, taskId);
      return result && change(result);
    },
  };
}
