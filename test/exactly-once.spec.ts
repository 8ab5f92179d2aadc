import type { WorkerStats } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import { effort, SEED } from './app/effort.js';
import type { Child } from './app/processes/child.js';
import { CREATE_PAYMENTS, type Payment } from './app/processes/payments.js';
import type { Receipt, WorkerConfig } from './app/processes/protocol.js';
import { seededRandom } from './app/processes/random.js';
import { Scene, until } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';

describe.each(stores())('on %s', (kind) => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore(kind))));
  afterEach(() => scene.close());

  const prepare = async () => {
    const queue = await scene.queue();
    const sql = await scene.connect();
    await sql.run(CREATE_PAYMENTS);
    const rows = () => sql.query<Payment>('SELECT task, lease, worker FROM payment');
    return { queue, rows };
  };

  describe('workers that are killed and stopped at random', () => {
    const TASKS = effort(100, 150);
    const WORKERS = 3;
    const FAULTS = effort(10, 48);
    const FAULTS_PER_STOP = 5;
    const LEASE = 1000;
    const name = kind === 'sqlite' ? 'pay-in-turn' : 'pay';

    test('leave one row per task, that of the run which completed it', async () => {
      const { queue, rows } = await prepare();
      const random = seededRandom(SEED);
      const up = new Set<Child<WorkerConfig>>();
      let started = 0;
      const startWorker = async () => {
        const options = { concurrency: 5, lease: LEASE, pollInterval: 500 };
        up.add(await scene.payments(`worker-${(started += 1)}`, options).ready());
      };
      const starting = Array.from({ length: WORKERS }, startWorker);
      await Promise.all(starting);

      const ids = Array.from({ length: TASKS }, (_, n) => `payment-${n}`);
      const durations = ids.map((): [number] => [Math.floor(random() * 20)]);
      await queue.enqueueMany(name, durations, { id: (_args, n) => ids[n]! });
      let kills = 0;
      for (let n = 1; n <= FAULTS; n += 1) {
        await sleep(50 + random() * 200); // a random moment, which nothing announces
        await until(() => up.size > 0);
        const victim = [...up][Math.floor(random() * up.size)]!;
        if (n % FAULTS_PER_STOP === 0) {
          victim.kill('SIGSTOP');
          setTimeout(() => victim.kill('SIGCONT'), 2 * LEASE);
          continue;
        }
        up.delete(victim);
        victim.kill('SIGKILL');
        kills += 1;
        starting.push(startWorker());
      }
      await Promise.all(starting);
      await Promise.all(ids.map((id) => queue.getResult(id, { timeout: '60s' })));

      const paid = new Map(ids.map((id) => [id, [] as Payment[]]));
      for (const row of await rows()) paid.get(row.task)?.push({ ...row });
      for (const id of ids) {
        const result = await queue.getResult(id);
        const { task, lease, worker } = queue.deserializeResult(result) as Receipt;
        expect(result.status).toBe('success');
        expect({ id, paid: paid.get(id) }).toEqual({ id, paid: [{ task, lease, worker }] });
      }
      const ledger = scene.readLedger();
      const count = (step: string) => ledger.filter((entry) => entry.step === step).length;
      console.log(kind, {
        tasks: TASKS,
        kills,
        stops: FAULTS - kills,
        rows: [...paid.values()].flat().length,
        runs: count('start'),
        runsInterrupted: count('start') - count('end'),
      });
      expect(count('start')).toBeGreaterThan(TASKS); // else nobody was hit
    });
  });

  /** SQLite has one writer: who is stopped while it writes stops the others too. */
  const moments =
    kind === 'sqlite'
      ? (['before it writes'] as const)
      : (['before it writes', 'after it wrote'] as const);

  describe.each(['fenced', 'completed'] as const)('a run that is to be %s', (handler) => {
    test.each(moments)('rolls back when it was stopped past its lease %s', async (when) => {
      const { queue, rows } = await prepare();
      const options = { lease: 1000, pollInterval: 100 };
      const late = await scene.payments('late', options).ready();
      const handle = await queue.enqueue<Receipt>(`Payments.${handler}`, [when]);
      await late.handler('start', handle.id);
      await late.said('waiting');
      late.kill('SIGSTOP');

      const second = await scene.payments('second', options).ready();
      await second.handler('start', handle.id, 2);
      await second.said('waiting');
      late.kill('SIGCONT');
      await late.ask('release', handle.id);
      await until(async () => (await late.ask<WorkerStats>('stats')).inFlight === 0);
      expect(await rows()).toEqual([]);
      expect(late.ledger.map(({ step }) => step)).toEqual(['start']);

      await second.ask('release', handle.id);
      const receipt = { task: handle.id, attempt: 2, lease: 2, worker: 'second' };
      expect(await handle.result({ timeout: '50s' })).toEqual(receipt);
      expect(await rows()).toEqual([{ task: handle.id, lease: 2, worker: 'second' }]);
      expect(await late.ask<WorkerStats>('stats')).toMatchObject({ refused: 1 });
    });
  });
});
