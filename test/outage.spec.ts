import { BackendError, type TaskHandle, type TaskQueue } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreKind } from './app/databases/kinds.js';
import { startMariadb } from './app/databases/mariadb-server.js';
import type { OwnServer } from './app/databases/own-server.js';
import { startPostgres } from './app/databases/postgres-server.js';
import type { Sql } from './app/databases/sql.js';
import { installAudit, readAudit } from './app/processes/audit.js';
import type { Child } from './app/processes/child.js';
import { violations } from './app/processes/history.js';
import type { JournalEntry, LedgerEntry, Receipt } from './app/processes/protocol.js';
import { SEED } from './app/effort.js';
import { seededRandom } from './app/processes/random.js';
import { Scene, until } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';

/** How long the server is away, in s: `npm run test:outage` makes it a minute. */
const DOWN = Number(process.env.SITQ_TEST_OUTAGE ?? 8) * 1000;
const LEASE = 2000;
/** So long that whatever comes in time did not come by polling. */
const NO_POLL = 60_000;
/** What that leaves for everything that must not wait for the next poll, in ms. */
const SOON = 50_000;

const scenes: Scene[] = [];
async function closeScenes(): Promise<void> {
  for (const scene of scenes.splice(0)) await scene.close();
}
afterEach(closeScenes);

const kinds = stores().filter((kind) => kind !== 'sqlite');

describe.each(kinds)('sessions on %s that are killed at random', (kind) => {
  const SECONDS = 10;

  test('lose nothing, run nothing twice, and all is as fast as before', async () => {
    const scene = newScene(await createStore(kind));
    const queue = await scene.queue();
    const sql = await scene.connect();
    await installAudit(sql);
    const random = seededRandom(SEED);
    const options = { concurrency: 20, pollInterval: NO_POLL };
    const children: Child[] = await Promise.all([
      ...['worker-1', 'worker-2'].map((name) => scene.worker(name, options).ready()),
      ...['producer-1', 'producer-2'].map((name) => scene.producer(name).ready()),
    ]);
    const [one, two, ...producers] = children as [Child, Child, ...Child[]];
    await Promise.all(producers.map((producer) => producer.ask('produce')));

    let killed = 0;
    for (let n = 0; n < SECONDS; n += 1) {
      await sleep(500 + 1000 * random()); // at random moments, which nothing announces
      killed += await killSessions(sql);
    }
    await Promise.all(producers.map((producer) => producer.ask('stop')));

    const journal = scene.readJournal();
    const acknowledged = tasksOf(journal, 'ok');
    await Promise.all(acknowledged.map((id) => queue.getResult(id, { timeout: SOON })));
    const ledger = scene.readLedger();
    const history = { journal, ledger, kills: [], ...(await readAudit(sql)) };
    const refused = tasksOf(journal, 'fail').length;
    console.log(kind, { killed, tasks: acknowledged.length, refused, runs: starts(ledger) });
    expect(violations(history)).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(refused).toBe(0);
    for (const child of children) {
      expect(child.alive).toBe(true);
      // Killed again while it connects anew, it says so, rightly.
      expect(child.output.replaceAll(/^.*wake this one.*\n/gm, '')).toBe('');
    }

    // Each of them hears again that others have enqueued something.
    const held = await Promise.all(
      [one, two].map(async (worker) => {
        const task = await queue.enqueue<Receipt>('ProcessTasks.hold');
        return { worker, task };
      }),
    );
    const ran = await Promise.all(held.map(({ task }) => startOf([one, two], task)));
    await Promise.all(ran.map((worker, i) => worker.ask('release', held[i]!.task.id)));
    await Promise.all(held.map(({ task }) => task.result({ timeout: SOON })));
  });
});

/** Servers that can be started here; a MySQL that was named cannot be stopped. */
const STARTERS: Partial<Record<StoreKind, () => Promise<OwnServer>>> = {
  postgres: startPostgres,
  mariadb: startMariadb,
};

describe.each(kinds.filter((kind) => STARTERS[kind]))('a server of %s that is away', (kind) => {
  let server: OwnServer;
  beforeAll(async () => void (server = await STARTERS[kind]!()));
  afterAll(() => server.close());

  test(
    'for longer than the lease costs no outcome, no second run and two lines',
    async () => {
      const scene = newScene({ ...(await server.createDatabase()), drop: async () => undefined });
      const queue = await scene.queue();
      await installAudit(await scene.connect());
      const options = { lease: LEASE, pollInterval: NO_POLL };
      const [producer, one] = await Promise.all([
        scene.producer('producer').ready(),
        scene.worker('one', { ...options, concurrency: HELD }, { log: true }).ready(),
      ]);
      const held = await hold(queue, [one]); // which leaves the rest to the other one
      const two = await scene.worker('two', { ...options, concurrency: 20 }, { log: true }).ready();
      held.push(...(await hold(queue, [two])));
      await producer.ask('produce');
      await until(() => starts(two.ledger) > 100);

      const downAt = Date.now();
      await server.crash();
      for (const { task, worker } of held) await worker.ask('release', task.id);
      const refusal = await refusalOf(queue);
      const rest = () => Math.max(0, DOWN - (Date.now() - downAt));
      await sleep(Math.max(0, rest() - BOOT)); // a boot does not wait for ever
      const late = scene.worker('late', { ...options, concurrency: 20 }, { log: true });
      await sleep(rest()); // how long it is away is the case itself
      await until(() => linesOf(late).length > 0);
      await server.start();
      const upAt = Date.now();

      for (const { task, worker } of held) {
        const receipt = { worker: worker.config.name, attempt: 1, lease: 1 };
        expect(await task.result({ timeout: SOON })).toMatchObject(receipt);
      }
      const outcomesAt = Date.now();
      await late.ready();
      const soon = await queue.enqueue('ProcessTasks.work', [0]); // by the queue that had failed
      await soon.result({ timeout: SOON });
      await producer.ask('stop');
      const journal = scene.readJournal();
      const acknowledged = tasksOf(journal, 'ok');
      await Promise.all(acknowledged.map((id) => queue.getResult(id, { timeout: SOON })));

      const ledger = scene.readLedger();
      const known = [...held.map(({ task }) => task.id), soon.id].map(invoked);
      const history = { journal: [...journal, ...known], ledger, kills: [] };
      console.log(kind, {
        seconds: (upAt - downAt) / 1000,
        refusedAfter: refusal.ms,
        outcomesStoredAfter: outcomesAt - upAt,
        firstRunAfter: Math.min(...ledger.map(({ at }) => at).filter((at) => at > upAt)) - upAt,
        tasks: acknowledged.length,
        refused: tasksOf(journal, 'fail').length,
        runs: starts(ledger),
      });
      expect(violations({ ...history, ...(await readAudit(await scene.connect())) })).toEqual([]);
      expect(refusal.error).toBeInstanceOf(BackendError);
      expect(refusal.error).toMatchObject({
        transient: true,
        message: expect.stringMatching(CLEAR),
      });
      expect(refusal.ms).toBeLessThan(LONGEST_ENQUEUE);
      for (const worker of [one, two]) {
        await until(() => linesOf(worker).some((line) => line.includes('again')));
        expect(linesOf(worker)).toEqual([
          expect.stringMatching(/ERROR.*Worker .* cannot .*: BackendError: /),
          expect.stringMatching(/LOG.*Worker .* can use its store again, after \d+ s/),
        ]);
      }
      expect(linesOf(late)).toEqual([expect.stringMatching(/WARN.*cannot be opened.*tried again/)]);
    },
    240_000 + DOWN,
  );

  test('and then lets nobody in for a lease costs no run: who boots first waits for the others', async () => {
    const scene = newScene({ ...(await server.createDatabase()), drop: async () => undefined });
    const queue = await scene.queue();
    const lease = 5000;
    const options = { lease, pollInterval: NO_POLL };
    const cutOff = await scene.worker('cut-off', { ...options, concurrency: HELD }).ready();
    const held = await hold(queue, [cutOff]);
    cutOff.kill('SIGSTOP'); // else it would be the first
    await server.crash();
    await sleep(lease);
    await server.start();
    await sleep(lease); // as long as the recovery of a large database might take
    const late = await scene.worker('late', { ...options, concurrency: 1 }).ready(); // has looked
    cutOff.kill('SIGCONT');
    for (const { task } of held) {
      await cutOff.ask('release', task.id);
      expect(await task.result({ timeout: SOON })).toMatchObject({ worker: 'cut-off', lease: 1 });
    }
    expect(late.ledger).toEqual([]);

    // Once it has known the server for a lease, nobody is waited for.
    const more = await hold(queue, [cutOff, late]);
    for (const { task, worker } of more) if (worker === late) await late.ask('release', task.id);
    const lost = more.find(({ worker }) => worker === cutOff)!;
    cutOff.kill('SIGSTOP');
    await late.handler('start', lost.task.id, 2);
    cutOff.kill('SIGCONT');
  });

  test('holds up nobody who closes, and what runs there is taken over', async () => {
    const scene = newScene({ ...(await server.createDatabase()), drop: async () => undefined });
    const queue = await scene.queue();
    const options = { pollInterval: NO_POLL, shutdownTimeout: SHUTDOWN_TIMEOUT };
    const busy = await scene.worker('busy', { ...options, concurrency: HELD }).ready();
    const held = await hold(queue, [busy]);
    const [closed, told] = await Promise.all([
      scene.worker('closed', options).ready(),
      scene.worker('told', options).ready(),
    ]);
    await server.stop();
    const began = Date.now();
    busy.kill('SIGTERM');
    told.kill('SIGTERM');
    closed.ask('close').catch(() => undefined); // it is gone before it answers
    const exits = await Promise.all([busy, told, closed].map((child) => child.exit));
    const ms = Date.now() - began;
    await server.start();

    console.log(kind, { closedAfter: ms });
    expect(exits).toEqual([TERMINATED, TERMINATED, { code: 0, signal: null }]);
    expect(ms).toBeLessThan(SHUTDOWN_TIMEOUT + LONGEST_CLOSE);
    for (const { output } of [busy, told, closed])
      expect(output).not.toMatch(/unhandled|uncaught/i);
    const next = await scene.worker('next', options).ready();
    for (const { task } of held) {
      await next.handler('start', task.id, 2);
      await next.ask('release', task.id);
      expect(await task.result({ timeout: SOON })).toMatchObject({ worker: 'next', lease: 2 });
    }
  });
});

const SHUTDOWN_TIMEOUT = 2000;
/** How long closing may take beyond that when the server does not answer, in ms. */
const LONGEST_CLOSE = 9000;
const TERMINATED = { code: null, signal: 'SIGTERM' };

/** What an enqueue may take at worst, and a little for a busy machine, in ms. */
const LONGEST_ENQUEUE = 16_000;
const CLEAR = /^(PostgreSQL|MySQL) .*: .*(ECONNREFUSED|ECONNRESET|terminated|lost|shutting down)/;

/** How long before the end of the outage another process boots, in ms. */
const BOOT = 6000;

/** Tasks that each of the workers starts and holds. */
const HELD = 3;

async function hold(queue: TaskQueue, workers: readonly Child[]) {
  const tasks = Array.from({ length: HELD }, () => queue.enqueue<Receipt>('ProcessTasks.hold'));
  return Promise.all(
    tasks.map(async (enqueued) => {
      const task = await enqueued;
      return { task, worker: await startOf(workers, task) };
    }),
  );
}

/** What the caller of an enqueue hears, and after how many ms. */
async function refusalOf(queue: TaskQueue): Promise<{ error: unknown; ms: number }> {
  const began = performance.now();
  const error = await queue.enqueue('ProcessTasks.work', [0]).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - began };
}

/** What a process has said about its store. */
function linesOf({ output }: Child): string[] {
  return output.split('\n').filter((line) => /store|cannot|wake/.test(line));
}

function invoked(task: string): JournalEntry {
  return { step: 'invoke', task, at: 0 };
}

async function killSessions(sql: Sql): Promise<number> {
  if (sql.kind === 'postgres') {
    const killed = await sql.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    return killed.length;
  }
  const sessions = await sql.query<{ id: number }>(
    `SELECT id FROM information_schema.processlist
     WHERE db = database() AND id <> connection_id()`,
  );
  for (const { id } of sessions) await sql.run(`KILL ${id}`).catch(() => undefined); // gone by itself
  return sessions.length;
}

function newScene(store: ConstructorParameters<typeof Scene>[0]): Scene {
  const scene = new Scene(store);
  scenes.push(scene);
  return scene;
}

function tasksOf(journal: readonly JournalEntry[], step: JournalEntry['step']): string[] {
  return [...new Set(journal.filter((entry) => entry.step === step).map(({ task }) => task))];
}

function starts(ledger: readonly LedgerEntry[], task?: string): number {
  return ledger.filter(
    (entry) => entry.step === 'start' && (task === undefined || entry.task === task),
  ).length;
}

/** Which of the workers has started the task. */
function startOf(workers: readonly Child[], { id }: TaskHandle<unknown>): Promise<Child> {
  return Promise.race(
    workers.map(async (worker) => {
      await worker.handler('start', id);
      return worker;
    }),
  );
}
