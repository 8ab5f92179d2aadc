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
  /** Shared words: turns of the event loop, beats of the thread, renewals by the worker itself. */
  readonly words: Int32Array;
}

/** A connection of the thread's own. */
interface Line {
  /** @returns how many registrations were extended: none when it was taken away. */
  extend(): Promise<number>;
  close(): unknown;
}

/** What `pg` keeps of a client. */
interface PgSession {
  readonly processID: number | null;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
  readonly connection: {
    readonly stream: { destroy(): void };
    connect(port: number | string, host?: string): void;
    cancel(processId: number, secretKey: number): void;
    on(event: 'connect' | 'end' | 'error', listener: () => void): void;
  };
}

/**
 * What the thread does. It is sent as text, so that it needs no file that a bundler could miss:
 * nothing outside of this function may be used in it, but types.
 *
 * As long as the event loop turns, the thread only looks at numbers. When the loop has stood still,
 * once or again and again, and the worker has not renewed its lease for half of it, the thread
 * extends the registration in its place, until it has stood still for `maxBlocked`.
 */
export function heartbeatScript(load: NodeJS.Require, data: HeartbeatData): void {
  const { beat, lease, maxBlocked, words, workerId } = data;
  const fs = load('node:fs') as typeof Fs;
  /** For an answer, in ms: the next connection may reach a server that gives one. */
  const patience = Math.max(1000, Math.ceil(lease / 6));
  let turns = 0;
  let turnedAt = performance.now();
  let renewals = 0;
  let keptAt = performance.now();
  let isSlow = false;
  let isLetGo = false;
  let isBeating = false;
  let isFailing = false;
  let line: Line | undefined;
  /** better-sqlite3 12 may end the process when one is collected. */
  const kept: BetterSqlite3.Statement[] = [];

  setInterval(() => {
    const now = performance.now();
    look(now);
    const still = now - turnedAt;
    isSlow ||= still >= lease / 6;
    if (still > maxBlocked) letGo(still);
    else if (isSlow && now - keptAt >= lease / 2 && !isBeating) void extend(now);
  }, lease / 12);

  function look(now: number): void {
    const [turn, renewal] = [Atomics.load(words, 0), Atomics.load(words, 2)];
    if (turn !== turns) [turns, turnedAt, isLetGo] = [turn, now, false];
    if (renewal !== renewals) [renewals, keptAt, isSlow] = [renewal, now, false];
  }

  function letGo(still: number): void {
    if (!isLetGo) say(`has stood still for ${Math.round(still / 1000)} s; its lease is let go`);
    isLetGo = true;
  }

  async function extend(now: number): Promise<void> {
    isBeating = true;
    try {
      line ??= await connect();
      Atomics.add(words, 1, await line.extend());
      keptAt = now;
      isFailing = false;
    } catch (error) {
      drop(line);
      if (!isFailing) say(`stands still, and its lease could not be extended: ${String(error)}`);
      isFailing = true;
    }
    isBeating = false;
  }

  function drop(broken: Line | undefined): void {
    if (line === broken) line = undefined;
    broken?.close();
  }

  async function connect(): Promise<Line> {
    const values = () => (beat.takesTime ? [Date.now(), workerId] : [workerId]);
    if (beat.kind === 'better-sqlite3') {
      const { file, inode, timeout } = beat.connection as { [name: string]: string | number };
      const Database = load(beat.driver) as typeof BetterSqlite3;
      // Open for a moment only: the worker may have to close every connection of this process.
      const extendOnce = async () => {
        checkFile(String(file), Number(inode));
        const options = { timeout: Number(timeout), fileMustExist: true };
        const database = new Database(String(file), options);
        try {
          const statement = database.prepare(beat.statement);
          kept.push(statement);
          return statement.run(...values()).changes;
        } finally {
          database.close();
        }
      };
      return { extend: extendOnce, close: () => undefined };
    }
    if (beat.kind === 'pg') {
      const { Client } = load(beat.driver) as typeof Pg;
      const limits = { connectionTimeoutMillis: patience, query_timeout: patience };
      const client = new Client({ ...(beat.connection as object), ...limits });
      const own: Line = {
        extend: async () => (await client.query(beat.statement, values())).rowCount ?? 0,
        close: () => {
          cancel(client, new Client(beat.connection as object));
          client.end().catch(() => undefined);
        },
      };
      client.on('error', () => drop(own));
      await client.connect();
      return own;
    }
    const mysql = load(beat.driver) as typeof Mysql;
    const options = { ...(beat.connection as object), connectTimeout: patience };
    const connection = await mysql.createConnection(options);
    const wait = Math.floor(patience / 1000);
    await connection.query(
      `SET SESSION innodb_lock_wait_timeout = ${wait}, lock_wait_timeout = ${wait}`,
    );
    const query = { sql: beat.statement, timeout: patience };
    const own: Line = {
      extend: async () => {
        const [{ affectedRows }] = await connection.query<Mysql.ResultSetHeader>(query, values());
        return affectedRows;
      },
      close: () => connection.destroy(),
    };
    connection.on('error', () => drop(own));
    return own;
  }

  /**
   * A connection beside one whose log was removed would use that one's index with another log, and
   * one to a file that was put in the place of this one is of no use.
   */
  function checkFile(file: string, inode: number): void {
    if (fs.statSync(file).ino !== inode) throw new Error(`${file} was replaced by another file`);
    for (const name of fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd') : []) {
      let target = '';
      try {
        target = fs.readlinkSync(`/proc/self/fd/${name}`);
      } catch {
        continue; // closed by now
      }
      if ([`${file}-wal (deleted)`, `${file}-shm (deleted)`].includes(target)) {
        throw new Error(`the log of ${file} was removed`);
      }
    }
  }

  /** What is given up may wait for a lock on the server, which sees no closed connection then. */
  function cancel(client: Pg.Client, other: Pg.Client): void {
    const { processID, secretKey, host, port } = client as unknown as PgSession;
    if (processID === null) return;
    const { connection } = other as unknown as PgSession;
    const end = () => connection.stream.destroy();
    connection.on('connect', () => connection.cancel(processID, secretKey));
    connection.on('end', end);
    connection.on('error', end);
    setTimeout(end, patience);
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  }

  /** Past the console, which needs the event loop that stands still. */
  function say(what: string): void {
    fs.writeSync(2, `[Sitq] The event loop of worker ${workerId} ${what}.\n`);
  }
}
