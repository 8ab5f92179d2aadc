import { FakeTime, missingFakeTime } from '../fake-time.js';
import { SERVERS, type Fault } from '../fault.js';

const HOUR = 3600;

/** The machines of the workers are an hour off, forwards or backwards, and step from one to the other. */
export const clock: Fault = {
  name: 'clock',
  title: `a worker's clock steps by an hour, forwards or back`,
  kinds: SERVERS,
  missing: missingFakeTime,
  async play(arena) {
    const clocks = new Map<string, FakeTime>();
    await arena.open({
      more: (worker) => {
        const time = new FakeTime(arena.scene.path(`${worker}.clock`));
        clocks.set(worker, time);
        return { env: time.env };
      },
    });
    await arena.cycles(async (n) => {
      const worker = await arena.victim();
      clocks.get(worker.config.name)!.set(arena.pick([-HOUR, 0, HOUR]));
      const task = `later-${n}`;
      const call = { task, handler: 'work', args: [1], delay: arena.between(200, 1000) };
      await arena.producer().ask('call', call);
      await arena.queue.getResult(task, { timeout: '60s' });
    });
    const [row] = await arena.withSql((sql) =>
      sql.query<{ early: number }>(
        `SELECT count(*) AS early FROM audit_change c JOIN sitq_task t ON t.id = c.task
         WHERE c.status = 'running' AND c.at < t.eta`,
      ),
    );
    if (Number(row!.early) > 0) throw new Error(`${row!.early} tasks began before their eta.`);
    return { 'early starts': Number(row!.early) };
  },
};
