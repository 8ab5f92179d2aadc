import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMariadb } from '../../app/databases/mariadb-server.js';
import { startPostgres } from '../../app/databases/postgres-server.js';
import { until } from '../../app/processes/scene.js';
import type { Store } from '../../app/stores.js';
import type { Arena } from '../arena.js';
import { FakeTime, missingFakeTime } from '../fake-time.js';
import type { Fault } from '../fault.js';

/** Such that a busy machine makes nobody lose it; a step is far longer. In ms. */
const LEASE = 10_000;
const HOUR = 3600;
/** How long tasks run that are under way when the clock steps, in ms: everybody looks meanwhile. */
const LONG = 3000;
/** For so long nobody need know that the clock of a server was set, in ms. */
const UNKNOWN = 1000;

/**
 * All processes stand still, and when they go on their clock shows another hour, or that of the
 * server, or both; the counters that nobody can set do not. Nobody has died: nothing may run twice,
 * and what is to start soon does.
 */
export const suspend: Fault = {
  name: 'suspend',
  title: `all processes stand still; then their clock is an hour on or back, or their server's, or both`,
  kinds: ['sqlite', 'postgres', 'mariadb'],
  missing: missingFakeTime,
  async play(arena) {
    const folder = mkdtempSync(join(tmpdir(), 'sitq-clocks-'));
    chmodSync(folder, 0o755); // the server is another user
    arena.afterwards(() => rmSync(folder, { recursive: true, force: true }));
    const machine = new FakeTime(join(folder, 'machine'));
    const server = new FakeTime(join(folder, 'server'));
    const { env } = machine;
    const load = { worker: { lease: LEASE }, producerEnv: env, more: () => ({ env }) };
    await arena.open(load, await storeOn(arena, server));
    const movable =
      arena.kind === 'sqlite' ? [[machine]] : [[machine], [server], [machine, server]];
    const hours = new Map([machine, server].map((clock) => [clock, 0]));
    const steps = { forwards: 0, back: 0 };
    await arena.cycles(async (n) => {
      const tasks = Array.from({ length: 4 }, (_, i) => `long-${n}-${i}`);
      for (const task of tasks) await call(arena, task, LONG);
      await until(() => tasks.every((task) => hasBegun(arena, task)));
      const moved = arena.pick(movable);
      for (const child of arena.living) child.kill('SIGSTOP');
      await arena.pass(0, 300);
      for (const clock of moved) {
        const before = hours.get(clock)!;
        const hour = before === 0 ? arena.pick([-1, 1]) : 0;
        steps[hour > before ? 'forwards' : 'back'] += 1;
        hours.set(clock, hour);
        clock.set(hour * HOUR);
      }
      for (const child of arena.living) child.kill('SIGCONT');
      await arena.pass(UNKNOWN, UNKNOWN + 500);
      await call(arena, `soon-${n}`, 1, 500);
      for (const task of [...tasks, `soon-${n}`]) {
        await arena.queue.getResult(task, { timeout: '60s' });
      }
    });
    return steps;
  },
};

async function storeOn(arena: Arena, { env }: FakeTime): Promise<Store | undefined> {
  if (arena.kind === 'sqlite') return undefined;
  const server = await (arena.kind === 'postgres' ? startPostgres({ env }) : startMariadb({ env }));
  arena.afterwards(() => server.close());
  return server.createDatabase();
}

function call(arena: Arena, task: string, ms: number, delay?: number): Promise<void> {
  return arena.producer().ask('call', { task, handler: 'work', args: [ms], delay });
}

function hasBegun(arena: Arena, task: string): boolean {
  return arena.scene.readLedger().some((entry) => entry.task === task && entry.step === 'start');
}
