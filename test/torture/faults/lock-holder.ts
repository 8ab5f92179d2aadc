import Database from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';

/** Eight worker processes on one file, which a stranger locks for three seconds at a time. */
export const lockHolder: Fault = {
  name: 'lock-holder',
  title: 'eight SQLite processes, and one that holds BEGIN IMMEDIATE for 3 s',
  kinds: ['sqlite'],
  async play(arena) {
    await arena.open({ workers: 8 });
    const { database } = arena.store.options as { database: string };
    const db = new Database(database, { timeout: 10_000 });
    arena.afterwards(() => db.close());
    let lag = 0;
    await arena.cycles(async () => {
      await arena.pass(500, 1500);
      db.exec('BEGIN IMMEDIATE');
      await sleep(3000);
      db.exec('COMMIT');
      const lags = (await arena.queue.workers()).map((worker) => worker.loopLag ?? 0);
      lag = Math.max(lag, ...lags);
    });
    const busy = arena.said(/SQLITE_BUSY|database (is|was) locked/g).length;
    return { 'BUSY surfaced': busy, 'loop lag ms': Math.round(lag) };
  },
};
