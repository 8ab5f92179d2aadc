import { TaskFailedError, type TaskHandle, type WorkerStats } from 'nestjs-sitq';
import { writeFileSync } from 'node:fs';
import { effort, SEED } from './app/effort.js';
import { installAudit, readAudit } from './app/processes/audit.js';
import type { Child } from './app/processes/child.js';
import { recoveryTimes, violations } from './app/processes/history.js';
import type { Receipt } from './app/processes/protocol.js';
import { Scene, until } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';
import { LEASE, POLL } from './torture/arena.js';
import { producerDeath } from './torture/faults/producer-death.js';
import { workerDeath } from './torture/faults/worker-death.js';
import { torture } from './torture/torture.js';

describe.each(stores())('on %s', (kind) => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore(kind))));
  afterEach(() => scene.close());

  describe('killed at random', () => {
    /** Some of it is spent without a single worker, each of which has yet to boot. */
    const USUAL_RECOVERY = LEASE + LEASE / 3 + POLL + 10_000;

    test('workers lose, invent and repeat no task without a reason', async () => {
      const cycles = effort(5, 20);
      const verdict = await torture(workerDeath, kind, { seed: SEED, cycles, time: 180_000 });
      console.log(verdict);
      expect(verdict).toMatchObject({ violations: [], lost: 0, cycles });
      expect(verdict.tasks).toBeGreaterThan(50);
      expect(verdict.recovery!.p50).toBeLessThan(USUAL_RECOVERY);
    });

    test('producers repeat what was stored already, and it stays one task', async () => {
      const cycles = effort(2, 8);
      const verdict = await torture(producerDeath, kind, { seed: SEED, cycles, time: 180_000 });
      console.log(verdict);
      expect(verdict).toMatchObject({ violations: [], lost: 0, cycles });
      expect(verdict.figures['of these stored before']).toBeGreaterThan(0);
    });
  });

  describe('stopped for longer than the lease', () => {
    test.each([
      ['while the second run is active', true],
      ['after the second run has ended', false],
    ])('a worker that goes on %s can change nothing', async (_when, secondIsActive) => {
      const queue = await scene.queue();
      const options = { lease: 1000, pollInterval: 100 };
      const late = await scene.worker('late', options).ready();
      // One notices by its heartbeat that it is late. The other one blocks the event loop, so that
      // it ends and settles before any heartbeat: only the database can refuse it.
      const held = await queue.enqueue<Receipt>('ProcessTasks.hold');
      await late.handler('start', held.id);
      const gate = scene.path('gate');
      const blocked = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
      await late.handler('start', blocked.id);
      late.kill('SIGSTOP');

      const tasks = [held, blocked];
      const second = await scene.worker('second', options).ready();
      await Promise.all(tasks.map(({ id }) => second.handler('start', id, 2)));
      if (!secondIsActive) await finish(second, tasks);
      writeFileSync(gate, '');
      late.kill('SIGCONT');
      await until(async () => (await late.ask<WorkerStats>('stats')).refused >= tasks.length);
      if (secondIsActive) await finish(second, tasks);

      for (const task of tasks) {
        const receipt = { task: task.id, attempt: 2, lease: 2, worker: 'second' };
        expect(await task.result()).toEqual(receipt);
        expect(await queue.getTask(task.id)).toMatchObject({ status: 'completed', attempt: 2 });
      }
      expect(await late.ask<WorkerStats>('stats')).toMatchObject({ refused: 2, inFlight: 0 });
      expect(late.ledger).toContainEqual(
        expect.objectContaining({ task: blocked.id, step: 'end', lease: 1 }),
      );
      expect(late.ledger).toContainEqual(
        expect.objectContaining({ task: held.id, step: 'abort', reason: 'LeaseLostError' }),
      );

      second.kill('SIGTERM');
      await second.exit;
      const next = await queue.enqueue<Receipt>('ProcessTasks.work', [0]);
      expect(await next.result({ timeout: '50s' })).toMatchObject({ worker: 'late', attempt: 1 });
    });

    async function finish(worker: Child, tasks: TaskHandle<Receipt>[]): Promise<void> {
      for (const { id } of tasks) await worker.ask('release', id);
      await Promise.all(tasks.map((task) => task.result({ timeout: '50s' })));
    }
  });

  test('a task that takes its process down fails after its attempts', async () => {
    const queue = await scene.queue();
    const options = { concurrency: 1, lease: 60_000 };
    const poison = await queue.enqueue('ProcessTasks.poison');
    const healthy = await queue.enqueue<Receipt>('ProcessTasks.work', [0]);
    expect(await scene.worker('first', options).exit).toMatchObject({ signal: 'SIGABRT' });
    expect(await scene.worker('second', options).exit).toMatchObject({ signal: 'SIGKILL' });
    const third = await scene.worker('third', options).ready();

    const failure = poison.result({ timeout: '50s' });
    await expect(failure).rejects.toThrow(TaskFailedError);
    await expect(failure).rejects.toMatchObject({ errorName: 'WorkerLostError' });
    const { error } = (await queue.getResult(poison.id))!;
    const [, first, second] = /^Worker (\S+) died .* 1\. Worker (\S+) died .* 2\.$/.exec(error!)!;
    expect(first).not.toBe(second);
    expect(await queue.getTask(poison.id)).toMatchObject({ status: 'failed', attempt: 2 });
    expect(scene.readLedger().filter(({ task }) => task === poison.id)).toHaveLength(2);
    expect(await healthy.result({ timeout: '50s' })).toMatchObject({ worker: 'third', attempt: 1 });
    expect(third.alive).toBe(true);
  });

  test('a worker that cannot claim for a while stays, and claims again', async () => {
    const queue = await scene.queue();
    const worker = await scene.worker('worker', { pollInterval: 100 }).ready();
    const sql = await scene.connect();
    const rename = (from: string, to: string) => sql.run(`ALTER TABLE ${from} RENAME TO ${to}`);
    await rename('sitq_task', 'elsewhere');
    await until(() => worker.output.includes('cannot claim tasks'));
    await rename('elsewhere', 'sitq_task');
    const task = await queue.enqueue<Receipt>('ProcessTasks.work', [0]);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'worker' });
  });

  test('a worker that is started again takes over at once, however long the lease', async () => {
    const queue = await scene.queue();
    const options = { lease: 60_000, pollInterval: 60_000 };
    const first = await scene.worker('first', options).ready();
    const task = await queue.enqueue<Receipt>('ProcessTasks.hold');
    await first.handler('start', task.id);
    first.kill('SIGKILL');
    const killedAt = Date.now();

    const second = await scene.worker('second', options).ready();
    const upAt = Date.now();
    const { at } = await second.handler('start', task.id, 2);
    console.log(kind, { recovery: at - killedAt, afterBoot: at - upAt });
    await second.ask('release', task.id);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'second', lease: 2 });
    expect(at - killedAt).toBeLessThan(20_000);
  });

  test('a worker that runs already takes over from a neighbour that dies', async () => {
    const queue = await scene.queue();
    const options = { lease: 600_000, pollInterval: 600_000 }; // neither brings it about
    const first = await scene.worker('first', options).ready();
    const task = await queue.enqueue<Receipt>('ProcessTasks.hold');
    await first.handler('start', task.id);
    const second = await scene.worker('second', options).ready();
    first.kill('SIGKILL');

    await second.handler('start', task.id, 2);
    await second.ask('release', task.id);
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'second', lease: 2 });
  });

  test('the same id from two processes is one task', async () => {
    await scene.queue();
    const sql = await scene.connect();
    await installAudit(sql);
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const producers = await Promise.all([1, 2].map((seed) => scene.producer('same', seed).ready()));
    await Promise.all(producers.map((producer) => producer.ask('enqueue', { numbers, ms: 1 })));
    await scene.worker('worker', { concurrency: 20 }).ready();
    const queue = await scene.queue();
    await Promise.all(numbers.map((n) => queue.getResult(`same-${n}`, { timeout: '10s' })));
    await producers[0]!.ask('enqueue', { numbers, ms: 1 }); // once more, after its end

    const history = { journal: scene.readJournal(), ledger: scene.readLedger(), kills: [] };
    expect(violations({ ...history, ...(await readAudit(sql)) })).toEqual([]);
    expect(history.journal.filter(({ step }) => step === 'ok')).toHaveLength(300);
    expect(history.ledger.filter(({ step }) => step === 'start')).toHaveLength(100);

    await producers[0]!.ask('enqueue', { numbers: [7], ms: 2 });
    expect(scene.readJournal().at(-1)).toMatchObject({ step: 'fail', error: 'ValidationError' });
  });
});

describe('the checker of histories', () => {
  const LOST = 'SITQ_WORKER_LOST';
  const run = { task: 't', at: 0 };
  const first = { ...run, attempt: 1, lease: 1, worker: 'w1' };
  const second = { ...run, attempt: 2, lease: 2, worker: 'w2' };
  const claimed = { from: 'queued', to: 'running' };
  const receipt = JSON.stringify({ task: 't', attempt: 2, lease: 2, worker: 'w2' });

  /** A task whose first worker was killed and whose second one completed it. */
  const good = {
    journal: [
      { ...run, step: 'invoke' as const },
      { ...run, step: 'ok' as const },
    ],
    ledger: [
      { ...first, step: 'start' as const },
      { ...second, step: 'start' as const },
      { ...second, step: 'end' as const },
    ],
    changes: [
      { ...first, ...claimed, attemptBefore: 0, at: 10, error: null },
      { ...first, from: 'running', to: 'queued', attemptBefore: 1, at: 30, error: LOST },
      { ...second, ...claimed, attemptBefore: 1, at: 40, error: LOST },
      { ...second, from: 'running', to: 'completed', attemptBefore: 2, at: 50, error: null },
    ],
    departures: [{ worker: 'w1', pid: 11, at: 30, expiresAt: 1000 }],
    kills: [{ pid: 11, at: 20 }],
    tasks: [
      {
        task: 't',
        status: 'completed',
        attempt: 2,
        maxAttempts: 5,
        lease: 2,
        result: receipt,
        error: null,
      },
    ],
  };
  type Good = typeof good;

  test('accepts a rescue after a kill, and one after the lease', () => {
    expect(violations(good)).toEqual([]);
    const departures = [{ ...good.departures[0]!, expiresAt: 30 }];
    expect(violations({ ...good, kills: [], departures })).toEqual([]);
    expect(recoveryTimes(good)).toEqual([20]);
  });

  test('tells what was claimed ahead and given back from what was lost before', () => {
    const [claim, loss, again, end] = good.changes;
    const ahead = { ...again!, worker: 'w3', at: 33 }; // it keeps the error of the loss
    const back = { ...loss!, worker: 'w3', lease: 2, attemptBefore: 2, at: 35 };
    const third = { worker: 'w2', lease: 3 };
    const history = structuredClone({
      ...good,
      changes: [claim!, loss!, ahead, back, { ...again!, ...third }, { ...end!, ...third }],
      ledger: good.ledger.map((entry) => (entry.lease === 2 ? { ...entry, lease: 3 } : entry)),
    });
    Object.assign(history.tasks[0]!, { lease: 3, result: receipt.replace('lease":2', 'lease":3') });
    expect(violations(history)).toEqual([]);
  });

  test.each<[string, string, (history: Good) => void]>([
    ['I1', 'a lost task', (h) => h.tasks.pop()],
    ['I1', 'a task that never ended', (h) => Object.assign(h.tasks[0]!, { status: 'queued' })],
    ['I1', 'two ends', (h) => h.changes.push({ ...h.changes[3]!, from: 'running', to: 'failed' })],
    ['I1', 'a life after the end', (h) => h.changes.push({ ...h.changes[0]!, from: 'completed' })],
    ['I2', 'a task of nobody', (h) => void (h.journal.length = 0)],
    ['I2', 'two tasks of one id', (h) => h.tasks.push(h.tasks[0]!)],
    ['I3', 'a lease used twice', (h) => Object.assign(h.changes[2]!, { lease: 1 })],
    ['I3', 'a lease run twice', (h) => Object.assign(h.ledger[1]!, { lease: 1 })],
    ['I3', 'a running task claimed', (h) => Object.assign(h.changes[2]!, { from: 'running' })],
    ['I3', 'a task taken from a living worker', (h) => void (h.kills.length = 0)],
    ['I3', 'a task taken before the kill', (h) => Object.assign(h.kills[0]!, { at: 35 })],
    ['I3', 'a task taken from a registered worker', (h) => void (h.departures.length = 0)],
    ['I4', 'an outcome of nobody', (h) => h.ledger.pop()],
    ['I4', 'a lease that rose after the end', (h) => Object.assign(h.tasks[0]!, { lease: 3 })],
    ['I5', 'the result of a late run', (h) => put(h, receipt.replace('"lease":2', '"lease":1'))],
    ['I5', 'the result of another worker', (h) => put(h, receipt.replace('w2', 'w1'))],
    ['I5', 'no result', (h) => put(h, null)],
    ['I6', 'too many runs', (h) => Object.assign(h.tasks[0]!, { maxAttempts: 1 })],
    [
      'I3',
      'a run with a lease that nobody has',
      (h) => h.ledger.push({ ...second, lease: 3, step: 'start' }),
    ],
    ['I7', 'a second run without a reason', (h) => Object.assign(h.changes[1]!, { error: null })],
  ])('finds a violation of %s: %s', (invariant, _what, violate) => {
    const history = structuredClone(good);
    violate(history);
    expect(violations(history)).toContainEqual(expect.stringMatching(`^${invariant} t `));
  });

  function put(history: Good, result: string | null): void {
    Object.assign(history.tasks[0]!, { result });
  }
});
