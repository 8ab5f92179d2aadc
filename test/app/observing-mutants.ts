import { TypeOrmBackend, type ReserveRequest, type StoredWorker } from 'nestjs-sitq';

type Mutation = ThisType<TypeOrmBackend> &
  Partial<Pick<TypeOrmBackend, 'listWorkers' | 'peekTasks'>>;

const right = TypeOrmBackend.prototype;

/** Stores with one mistake each in what they tell of workers. */
export const LISTING_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'invents a worker': listing((workers) => [...workers, { ...NOBODY }]),
  'lists the live only': listing((workers) => workers.filter(({ alive }) => alive)),
  'lists the newest first': listing((workers) => workers.toReversed()),
  'takes everybody for alive': each(() => ({ alive: true })),
  'takes everybody for dead': each(() => ({ alive: false })),
  'forgets the version': each(() => ({ version: null })),
  'forgets the queues': each(() => ({ queues: null })),
  'takes every queue for none': each(({ queues }) => ({ queues: queues ?? [] })),
  'forgets the limits': each(() => ({ limits: {} })),
  'fills in how many slots': each(({ concurrency }) => ({ concurrency: concurrency ?? 10 })),
  'forgets what lingers': each(() => ({ lingering: {} })),
  'fills in a lag': each(({ loopLag }) => ({ loopLag: loopLag ?? 0 })),
  'takes the start for a beat': each(({ startedAt }) => ({ lastBeatAt: startedAt })),
  'takes the beat for the start': each(({ lastBeatAt }) => ({ startedAt: lastBeatAt })),
  'does not count what runs': each(() => ({ running: {} })),
  'counts what runs without handlers': each(({ running }) => {
    const tasks = Object.values(running).reduce((sum, n) => sum + n, 0);
    return { running: tasks > 0 ? { any: tasks } : ({} as Record<string, number>) };
  }),
  'counts what runs anywhere': listing((workers) => {
    const running = Object.assign({}, ...workers.map((worker) => worker.running)) as object;
    return workers.map((worker) => ({ ...worker, running: { ...running } }));
  }),
  'knows figures of the start only': remembering((workers, first) =>
    workers.map((worker) => {
      const { stuck, lingering, loopLag } = first.get(worker.id) ?? worker;
      if (!first.has(worker.id)) first.set(worker.id, worker);
      return { ...worker, stuck, lingering, loopLag };
    }),
  ),
  'never forgets a worker': remembering((workers, known) => {
    for (const worker of workers) known.set(worker.id, worker);
    return [...known.values()];
  }),
};

/** Stores with one mistake each in what they see of tasks. */
export const PEEKING_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'invents a task': seen((ids) => (ids.length > 0 ? ids : ['nothing'])),
  'sees nothing': { peekTasks: async () => [] },
  'sees as much as there is': asked((request) => ({ ...request, maxTasks: 1000 })),
  'sees one task only': asked((request) => ({ ...request, maxTasks: 1 })),
  'ignores queues': asked((request) => ({ ...request, queues: undefined })),
  'ignores handlers': asked((request) => ({ ...request, handlers: undefined })),
  'ignores the capacity of handlers': asked(({ handlers, ...rest }) => ({
    ...rest,
    handlers: handlers && new Map([...handlers].map(([k, v]) => [k, { ...v, free: 9 }])),
  })),
  'sees the latest first': seen((ids) => ids.toReversed()),
  'sees tasks in the order of their ids': seen((ids) => ids.toSorted()),
  'claims what it sees': {
    async peekTasks(request) {
      const tasks = await right.reserveTask.call(this, 'peeker', request);
      for (const { id, lease } of tasks) {
        await right.updateTaskStatus.call(this, id, 'queued', { lease, giveBack: true });
      }
      return tasks.map(({ id }) => id);
    },
  },
};

/** A fresh store with that mistake. */
export function observingMutant(mutation: Mutation): TypeOrmBackend {
  return Object.assign(new TypeOrmBackend({ database: ':memory:' }), mutation);
}

function listing(change: (workers: StoredWorker[]) => StoredWorker[]): Mutation {
  return {
    async listWorkers() {
      return change(await right.listWorkers.call(this));
    },
  };
}

/** With a memory for each store. */
function remembering(
  change: (workers: StoredWorker[], memory: Map<string, StoredWorker>) => StoredWorker[],
): Mutation {
  const memories = new WeakMap<object, Map<string, StoredWorker>>();
  return {
    async listWorkers() {
      const memory = memories.get(this) ?? new Map<string, StoredWorker>();
      memories.set(this, memory);
      return change(await right.listWorkers.call(this), memory);
    },
  };
}

function each(change: (worker: StoredWorker) => Partial<StoredWorker>): Mutation {
  return listing((workers) => workers.map((worker) => ({ ...worker, ...change(worker) })));
}

function asked(change: (request: ReserveRequest) => ReserveRequest): Mutation {
  return {
    peekTasks(request) {
      return right.peekTasks.call(this, change(request));
    },
  };
}

function seen(change: (ids: string[]) => string[]): Mutation {
  return {
    async peekTasks(request) {
      return change(await right.peekTasks.call(this, request));
    },
  };
}

const NOBODY: StoredWorker = {
  id: 'nobody',
  host: 'nowhere',
  pid: 1,
  version: null,
  queues: null,
  handlers: [],
  limits: {},
  concurrency: null,
  lingering: {},
  running: {},
  stuck: 0,
  loopLag: null,
  startedAt: 0,
  lastBeatAt: 0,
  expiresAt: 0,
  alive: false,
};
