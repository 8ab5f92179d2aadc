import { Injectable } from '@nestjs/common';
import { jest } from '@jest/globals';
import { Task, TaskContext, TaskQueue, TypeOrmBackend, type Clock } from 'nestjs-sitq';
import { currentProcess } from '../lib/core/process-identity.js';
import { leaveMark, removeMark } from '../lib/core/process-mark.js';
import { ServerClock } from '../lib/backends/typeorm/dialect/server/server-clock.js';
import { WorkerWatch } from '../lib/backends/typeorm/dialect/worker-watch.js';
import { serverKinds } from './app/databases/servers.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { startApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const patience = { timeout: '30s' } as const;

/** A process of this very boot and pid namespace that does not run here. */
function elsewhere() {
  const { host, identity } = currentProcess();
  const pid = 2 ** 22 - 1; // above what Linux gives out
  return { host, pid, processIdentity: identity!.replace(/[^/]+$/, '1') };
}

const UNKNOWN = { host: 'here', pid: process.pid, processIdentity: null };
const beat = (lease: number) => ({ lease, inFlight: 1, stuck: 0, lingering: {}, loopLag: null });

function registration(id: string, process: ReturnType<typeof elsewhere> | typeof UNKNOWN) {
  const rest = { version: '1.2.3', queues: null, handlers: ['Chores.do'], limits: {} };
  return { id, ...process, ...rest, concurrency: 1 };
}

describe.each(stores())('a clock on %s', (kind) => {
  let store: Store;
  const opened: TypeOrmBackend[] = [];
  beforeEach(async () => void (store = await tempStore(kind)));
  afterEach(() => Promise.all(opened.splice(0).map((backend) => backend.close())));

  async function open(): Promise<TypeOrmBackend> {
    const backend = new TypeOrmBackend(store.options);
    opened.push(backend);
    await backend.open();
    return backend;
  }

  /** A worker that holds a task, as it is registered. */
  async function holding(
    lease: number,
    process: Parameters<typeof registration>[1] = UNKNOWN,
  ): Promise<{ backend: TypeOrmBackend; task: string }> {
    const backend = await open();
    await backend.registerWorker(registration('worker-1', process), beat(lease));
    const { id } = await new TaskQueue({ backend }).enqueue('Chores.do');
    expect(await backend.reserveTask('worker-1')).toMatchObject([{ id }]);
    return { backend, task: id };
  }

  /** As if the clock had been ahead by so much, and now goes back; below 0 it jumps ahead. */
  async function stepBack(ms: number): Promise<void> {
    const sql = await store.sql();
    await sql.run(
      `UPDATE sitq_worker SET expires_at = expires_at + ${ms}`,
      `UPDATE sitq_task SET eta = eta + ${ms}, created_at = created_at + ${ms}`,
    );
    await sql.close();
  }

  test('that jumps ahead makes nobody lose his tasks, who has a lease to say that he lives', async () => {
    const { backend, task } = await holding(20_000);
    const other = await open();
    expect(await other.rescueTasks()).toEqual([]);
    await stepBack(-5 * MINUTE);
    expect(await other.rescueTasks()).toEqual([]);
    expect(await other.rescueTasks()).toEqual([]);
    expect(await backend.getTask(task)).toMatchObject({ status: 'running', attempt: 1 });
    expect(await backend.renewWorker('worker-1', beat(20_000))).toBe(true);
    expect(await other.rescueTasks()).toEqual([]);
  });

  test('that jumps ahead keeps nobody from taking over after a lease of silence', async () => {
    const { task } = await holding(500);
    const other = await open();
    await other.rescueTasks();
    await stepBack(-HOUR);
    const rescued = await eventually(async () => (await other.rescueTasks())[0]);
    expect(rescued).toMatchObject({ id: task, status: 'queued' });
  });

  test('that goes back does not make the dead live longer', async () => {
    const { task } = await holding(500);
    await stepBack(HOUR);
    const other = await open();
    const rescued = await eventually(async () => (await other.rescueTasks())[0]);
    expect(rescued).toMatchObject({ id: task, status: 'queued' });
  });

  test('that was set back does not silence the thread that keeps a lease', async () => {
    const { backend } = await holding(60_000);
    const sql = await store.sql();
    const expiry = async () =>
      Number((await sql.query<{ at: number }>('SELECT expires_at AS at FROM sitq_worker'))[0]!.at);
    await sql.run(`UPDATE sitq_worker SET expires_at = expires_at + ${HOUR}`);
    const before = await expiry();
    const { statement, takesTime } = backend.threadBeat()!;
    const parameters = [...(takesTime ? [Date.now()] : []), 'worker-1'];
    let text = statement;
    for (const value of parameters)
      text = text.replace(/\?|\$1/, JSON.stringify(value).replaceAll('"', "'"));
    await sql.run(text);
    // Those who watch go by its changes alone.
    expect(await expiry()).toBeLessThan(before);
    await sql.close();
  });

  test('is not believed at the first look about a worker that fell silent a while ago', async () => {
    const { task } = await holding(60_000);
    await stepBack(-5 * MINUTE);
    const other = await open();
    expect(await other.rescueTasks()).toEqual([]);
    expect(await other.getTask(task)).toMatchObject({ status: 'running' });
  });

  test('is believed at the first look about a worker that has been silent for ten leases', async () => {
    const { task } = await holding(400);
    const rescued = await eventually(async () => {
      const late = await open();
      const [found] = await late.rescueTasks();
      await late.close();
      return found;
    });
    expect(rescued).toMatchObject({ id: task });
  });

  test('is not believed at the first look about a process that runs', async () => {
    const { host, pid, identity: processIdentity } = currentProcess();
    const { task } = await holding(20_000, { host, pid, processIdentity: processIdentity! });
    await stepBack(-5 * MINUTE);
    const other = await open();
    expect(await other.rescueTasks()).toEqual([]);
    expect(await other.getTask(task)).toMatchObject({ status: 'running' });
  });

  test('that went back while nobody was there holds up nothing that was to start at once', async () => {
    const app = await startApp([Chores], { ...store.options, worker: false });
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) ids.push((await app.queue.enqueue('Chores.do')).id);
    const later = await app.queue.enqueue('Chores.do', [], { delay: HOUR });
    await stepBack(HOUR);
    ran = [];
    await startApp([Chores], { ...store.options, worker: { concurrency: 1 } });
    for (const id of ids) await app.queue.getResult(id, patience);
    expect(ran).toEqual(ids);
    expect(await app.queue.getTask(later.id)).toMatchObject({ status: 'queued', attempt: 0 });
  });

  test('of a machine that was cloned while it ran: its processes do not judge those of the other', async () => {
    const { backend, task } = await holding(HOUR, elsewhere());
    const other = await open();
    expect(await other.rescueTasks('judge', true)).toEqual([]);
    expect(await backend.getTask(task)).toMatchObject({ status: 'running', attempt: 1 });
    leaveMark('worker-1'); // had it been started here, it would be gone
    try {
      expect(await other.rescueTasks('judge', true)).toMatchObject([{ id: task }]);
    } finally {
      removeMark('worker-1');
    }
  });
});

let ran: string[] = [];
let gate = new Gate();

@Injectable()
class Chores {
  constructor(private readonly run: TaskContext) {}

  @Task()
  do(): void {
    ran.push(this.run.task.id);
  }

  @Task()
  async hold(): Promise<void> {
    await gate.opened;
  }

  @Task({ attempts: 2, backoff: HOUR })
  async failAtTheGate(): Promise<void> {
    await gate.opened;
    throw new Error('refused');
  }
}

/** Kinds whose clock a test can set, and how. */
const STEPPED = stores().filter((kind) => kind === 'sqlite' || kind === 'postgres');

describe.each(STEPPED)('while tasks wait on %s, the clock', (kind) => {
  let store: Store;
  let offset = 0;
  let step: (ms: number) => Promise<void>;
  const clock: Clock = { now: () => Date.now() + offset };
  beforeEach(async () => {
    [store, ran, gate, offset] = [await tempStore(kind), [], new Gate(), 0];
    step = async (ms) => void (offset += ms);
    if (kind === 'postgres') step = await steppedServer(store);
  });
  afterEach(() => gate.open());

  const start = (worker: object | false) => {
    const backend = new TypeOrmBackend({ ...store.options, ...(kind === 'sqlite' && { clock }) });
    return startApp([Chores], { backend, worker: worker as false });
  };

  test.each([10, 60_000])(
    'goes back an hour: what was to start at once starts, in its order (poll: %d ms)',
    async (pollInterval) => {
      const { queue } = await start({ concurrency: 1, pollInterval });
      const first = await queue.enqueue('Chores.hold');
      await eventually(async () => (await first.status()) === 'running');
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) ids.push((await queue.enqueue('Chores.do')).id);
      const later = await queue.enqueue('Chores.do', [], { delay: '10m' });
      await step(-HOUR);
      gate.open();
      for (const id of ids) await queue.getResult(id, patience);
      const next = await queue.enqueue('Chores.do');
      await next.result(patience);
      expect(ran).toEqual([...ids, next.id]);
      expect(await queue.getTask(later.id)).toMatchObject({ status: 'queued', attempt: 0 });
    },
  );
});

/** Lets the clock of the store's server be set for this database; what is asked for the time asks it. */
async function steppedServer(store: Store): Promise<(ms: number) => Promise<void>> {
  const sql = await store.sql();
  const [row] = await sql.query<{ name: string }>('SELECT current_database() AS name');
  await sql.run(
    'CREATE SCHEMA stepped',
    'CREATE TABLE stepped.clock (ms bigint)',
    'INSERT INTO stepped.clock VALUES (0)',
    ...['statement_timestamp', 'clock_timestamp'].map(
      (time) => `CREATE FUNCTION stepped.${time}() RETURNS timestamptz LANGUAGE sql STABLE AS
        $$ SELECT pg_catalog.${time}() + ms * interval '1 ms' FROM stepped.clock $$`,
    ),
    `ALTER DATABASE ${row!.name} SET search_path = stepped, public, pg_catalog`,
  );
  await sql.close();
  return async (ms) => {
    const own = await store.sql();
    await own.run(`UPDATE stepped.clock SET ms = ms + ${ms}`);
    await own.close();
  };
}

describe.each(serverKinds().filter((kind) => kind === 'postgres'))('after a sleep, %s', (kind) => {
  let store: Store;
  let step: (ms: number) => Promise<void>;
  let sleepAt: () => void;
  const SLEPT = 3_000_000;
  beforeEach(async () => {
    store = await tempStore(kind);
    step = await steppedServer(store);
    gate = new Gate();
    const { now } = Date;
    // What sleeping comes to: every clock has gone on, and the counter of this machine has not.
    sleepAt = () => void jest.spyOn(Date, 'now').mockImplementation(() => now() + SLEPT);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    gate.open();
  });

  const serverTime = async () => {
    const sql = await store.sql();
    const [row] = await sql.query<{ now: number }>(
      'SELECT (extract(epoch FROM statement_timestamp()) * 1000)::bigint AS now',
    );
    await sql.close();
    return row!.now;
  };

  test('is asked for the time before a delay is counted from it', async () => {
    const { queue } = await startApp([Chores], { ...store.options, worker: false });
    await queue.enqueue('Chores.do', [], { delay: '1m' });
    await step(SLEPT);
    sleepAt();
    const before = await serverTime();
    const { id } = await queue.enqueue('Chores.do', [], { delay: '1m' });
    const eta = (await queue.getTask(id))!.eta.getTime();
    expect(eta).toBeGreaterThanOrEqual(before + 60_000);
    expect(eta).toBeLessThanOrEqual((await serverTime()) + 60_000);
  });

  test('is asked for the time before a retry is counted from it', async () => {
    const { queue } = await startApp([Chores], {
      ...store.options,
      worker: { pollInterval: HOUR },
    });
    const { id } = await queue.enqueue('Chores.failAtTheGate');
    await eventually(async () => (await queue.getTask(id))?.status === 'running');
    await step(SLEPT);
    sleepAt();
    const before = await serverTime();
    gate.open();
    const task = await eventually(async () => {
      const seen = (await queue.getTask(id))!;
      return seen.status === 'queued' && seen;
    });
    expect(task.eta.getTime()).toBeGreaterThanOrEqual(before + HOUR);
  });
});

describe('what is known of the clock of a server', () => {
  afterEach(() => void jest.restoreAllMocks());

  test('is asked anew when it is old, when this machine has slept, and when in doubt', async () => {
    let asked = 0;
    const clock = new ServerClock(async () => {
      asked += 1;
      return 5_000_000;
    });
    await clock.refresh();
    expect(asked).toBe(1);
    expect(clock.refresh()).toBeUndefined();
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() - 5000); // set back here, not there
    await Promise.all([clock.refresh(), clock.refresh()]);
    expect(asked).toBe(2);
    expect(clock.refresh()).toBeUndefined();
    clock.doubt();
    await clock.refresh();
    expect(asked).toBe(3);
    expect(clock.now()).toBeGreaterThanOrEqual(5_000_000);
    expect(clock.jumps).toBe(1); // from what was guessed before it was asked
    clock.hear(clock.now() - 2000);
    expect(clock.jumps).toBe(2);
  });
});

describe('a watch over workers', () => {
  const LEASE = 30_000;
  const unknown = { id: 'w', host: 'here', pid: 1, identity: null, lease: LEASE };
  const worker = (expiresAt: number) => ({ ...unknown, expiresAt });
  const look = (watch: WorkerWatch, expiresAt: number, at: number) =>
    watch.look({ workers: [worker(expiresAt)], now: 0 }, at).has('w');

  test('counts a lease from the last sign of life, whatever it says', () => {
    const watch = new WorkerWatch();
    expect(look(watch, LEASE, 0)).toBe(false);
    for (let at = 5000; at <= 25_000; at += 5000) expect(look(watch, LEASE, at)).toBe(false);
    expect(look(watch, LEASE - HOUR, 30_000)).toBe(false); // a sign of life by another clock
    for (let at = 35_000; at <= 55_000; at += 5000)
      expect(look(watch, LEASE - HOUR, at)).toBe(false);
    expect(look(watch, LEASE - HOUR, 60_000)).toBe(true);
  });

  test('counts of the time when it did not look a third of a lease at most', () => {
    const watch = new WorkerWatch();
    look(watch, LEASE, 0);
    expect(look(watch, LEASE, HOUR)).toBe(false);
    expect(look(watch, LEASE, HOUR + 9000)).toBe(false);
    expect(look(watch, LEASE, HOUR + 18_000)).toBe(false);
    expect(look(watch, LEASE, HOUR + 20_000)).toBe(true);
  });

  test('does not believe a clock about what was before its server was started', () => {
    const muster = { workers: [worker(LEASE)], now: HOUR };
    expect(new WorkerWatch().look({ ...muster, startedAt: -1 })).toEqual(new Set(['w']));
    expect(new WorkerWatch().look({ ...muster, startedAt: 1 })).toEqual(new Set());
  });
});
