import { existsSync, writeFileSync } from 'node:fs';
import { SERVERS, type Fault } from '../fault.js';

const LIBRARY = `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/faketime/libfaketimeMT.so.1`;
const HOUR = 3600;

/** The machines of the workers are an hour off, forwards or backwards, and step from one to the other. */
export const clock: Fault = {
  name: 'clock',
  title: `a worker's clock steps by an hour, forwards or back`,
  kinds: SERVERS,
  missing: () => (existsSync(LIBRARY) ? undefined : 'it needs libfaketime (Debian: faketime)'),
  async play(arena) {
    const clockOf = (worker: string) => arena.scene.path(`${worker}.clock`);
    await arena.open({
      more: (worker) => {
        step(clockOf(worker), 0);
        return {
          env: {
            LD_PRELOAD: LIBRARY,
            FAKETIME_TIMESTAMP_FILE: clockOf(worker),
            FAKETIME_NO_CACHE: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          },
        };
      },
    });
    await arena.cycles(async (n) => {
      const worker = await arena.victim();
      step(clockOf(worker.config.name), arena.pick([-HOUR, 0, HOUR]));
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

function step(file: string, seconds: number): void {
  writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}`);
}
