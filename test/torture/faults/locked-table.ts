import { Census } from '../../app/census.js';
import { SERVERS, type Fault } from '../fault.js';

const WORKERS = 2;
/** They, the producer and who looks. */
const PROCESSES = WORKERS + 2;
const POOL = 5;
/** Beside the pool: who listens, on PostgreSQL, and a heartbeat thread where a loop stands still. */
const BESIDE = 2;

/** A migration by hand or a VACUUM FULL, during which nobody gets at the tasks. */
export const lockedTable: Fault = {
  name: 'locked-table',
  title: 'the table of the tasks locked for 10 to 20 s, while connections are counted',
  kinds: SERVERS,
  async play(arena) {
    await arena.open({ workers: WORKERS });
    const [counting, locking] = await Promise.all([arena.store.sql(), arena.store.sql()]);
    const isPostgres = locking.kind === 'postgres';
    const census = new Census(counting, 2);
    await arena.cycles(async () => {
      await arena.pass(500, 1500);
      if (isPostgres) await locking.run('BEGIN', 'LOCK TABLE sitq_task');
      else await locking.run('LOCK TABLES sitq_task WRITE');
      await arena.pass(10_000, 20_000);
      await locking.run(isPostgres ? 'COMMIT' : 'UNLOCK TABLES');
    });
    const most = await census.stop();
    await Promise.all([counting.close(), locking.close()]);
    const allowed = PROCESSES * (POOL + BESIDE);
    if (most > allowed) throw new Error(`${most} connections at once, ${allowed} allowed`);
    return { 'connections at most': most };
  },
};
