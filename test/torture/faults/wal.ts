import Database from 'better-sqlite3';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';

const MB = 1024 * 1024;

/** A stranger reads for five seconds at a time, so that SQLite's log cannot begin anew. */
export const wal: Fault = {
  name: 'wal',
  title: 'a reader is held open for 5 s at a time',
  kinds: ['sqlite'],
  async play(arena) {
    await arena.open();
    const { database } = arena.store.options as { database: string };
    const reader = new Database(database, { readonly: true });
    arena.afterwards(() => reader.close());
    const size = () => statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    let most = 0;
    await arena.cycles(async () => {
      reader.exec('BEGIN');
      reader.prepare('SELECT count(*) FROM sitq_task').get();
      await sleep(5000);
      most = Math.max(most, size());
      reader.exec('COMMIT');
      await arena.pass(500, 1000);
    });
    await sleep(2000); // a checkpoint or two
    return { 'log at most MB': round(most / MB), 'log afterwards MB': round(size() / MB) };
  },
};

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
