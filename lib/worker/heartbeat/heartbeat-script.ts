import type BetterSqlite3 from 'better-sqlite3';
import type * as Mysql from 'mysql2/promise';
import type * as Fs from 'node:fs';
import type * as Pg from 'pg';
import type { ThreadBeat } from '../../core/capabilities/thread-beating-backend.js';

/** What the thread is given. */
export interface HeartbeatData {
  readonly workerId: string;
  /** In ms. */
  readonly lease: number;
  /** How long the event loop may stand still before the lease is let go, in ms. */
  readonly maxBlocked: number;
  readonly beat: ThreadBeat;
  /** Shared words: turns of the event loop; how often the thread has beaten while it stood still. */
  readonly words: Int32Array;
}

/**
 * What the thread does. It is sent as text, so that it needs no file that a bundler could miss:
 * nothing outside of this function may be used in it, but types.
 *
 * As long as the event loop turns, the thread only looks at a number. Once it has stood still for
 * half a lease, the thread extends the registration in its place, up to `maxBlocked`.
 */
export function heartbeatScript(load: NodeJS.Require, data: HeartbeatData): void {
  const { beat, lease, maxBlocked, words, workerId } = data;
  const fs = load('node:fs') as typeof Fs;
  let turns = 0;
  let since = performance.now();
  let beatAt = -Infinity;
  let beating = false;
  let letGo = false;
  let extend: (() => Promise<void>) | undefined;

  setInterval(() => {
    const now = performance.now();
    const current = Atomics.load(words, 0);
    if (current !== turns) {
      [turns, since, letGo] = [current, now, false];
    } else if (now - since > maxBlocked) {
      if (!letGo)
        say(`has stood still for ${Math.round((now - since) / 1000)} s; its lease is let go`);
      letGo = true;
    } else if (now - since >= lease / 2 && now - beatAt >= lease / 3 && !beating) {
      void extendNow(now);
    }
  }, lease / 12);

  async function extendNow(now: number): Promise<void> {
    beating = true;
    try {
      extend ??= await connect();
      await extend();
      beatAt = now;
      Atomics.add(words, 1, 1);
    } catch (error) {
      extend = undefined;
      say(`stands still, and its lease could not be extended: ${String(error)}`);
    }
    beating = false;
  }

  async function connect(): Promise<() => Promise<void>> {
    const values = () => (beat.takesTime ? [Date.now(), workerId] : [workerId]);
    if (beat.kind === 'better-sqlite3') {
      const { file, timeout } = beat.connection as { file: string; timeout: number };
      const Database = load(beat.driver) as typeof BetterSqlite3;
      const statement = new Database(file, { timeout, fileMustExist: true }).prepare(
        beat.statement,
      );
      return async () => void statement.run(...values());
    }
    if (beat.kind === 'pg') {
      const { Client } = load(beat.driver) as typeof Pg;
      const client = new Client(beat.connection as object);
      client.on('error', () => (extend = undefined));
      await client.connect();
      return async () => void (await client.query(beat.statement, values()));
    }
    const mysql = load(beat.driver) as typeof Mysql;
    const connection = await mysql.createConnection(beat.connection as object);
    connection.on('error', () => (extend = undefined));
    return async () => void (await connection.query(beat.statement, values()));
  }

  /** Past the console, which needs the event loop that stands still. */
  function say(what: string): void {
    fs.writeSync(2, `[Sitq] The event loop of worker ${workerId} ${what}.\n`);
  }
}
