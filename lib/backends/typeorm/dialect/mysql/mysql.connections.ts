import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2';
import type { Socket } from 'node:net';
import { GivenUpError, orGiveUp } from '../server/given-up.error.js';
import type { Row } from '../server/rows.js';
import { isRefusal } from './mysql.errors.js';
import { OversizeError } from './oversize.error.js';

/** How long a statement may take before its connection counts as lost, in ms. */
const STATEMENT_TIMEOUT = 15_000;
/** How long to wait for a connection of the pool, in ms. */
const ACQUIRE_TIMEOUT = 5000;
/** Left free in a packet for what is not the statement, in bytes. */
const MARGIN = 1024;

/** The values are in the statement already: nothing is to be replaced. */
const OPTIONS = { rowsAsArray: true, namedPlaceholders: false, values: null } as const;

/**
 * Once per connection. READ COMMITTED locks the rows that it takes and no gaps between them; the
 * driver escapes with backslashes, which a sql_mode may forbid. A client that vanished keeps its
 * locks until `wait_timeout`: so that is short, and an idle connection of the pool is made anew.
 */
const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1,
     innodb_lock_wait_timeout = 5, lock_wait_timeout = 5, wait_timeout = 60`,
];
/** How long the server may take to end what was given up: longer than it waits for a lock, in ms. */
const END_TIMEOUT = 6000;

export interface Reply {
  readonly rows: Row[];
  /** Rows that were found or added. */
  readonly count: number;
}

/**
 * Runs a statement; lists among the values become lists of values.
 *
 * @param timeout in ms. @default {@link STATEMENT_TIMEOUT}
 */
export type Run = (text: string, values?: readonly unknown[], timeout?: number) => Promise<Reply>;

/**
 * The raw connections of a pool, which know timeouts. One about which there is any doubt is
 * destroyed: given back, it would take the next statement with it, or an open transaction.
 */
export class MysqlConnections {
  private readonly prepared = new WeakSet<PoolConnection>();

  constructor(
    private readonly pool: Pool,
    /** The largest statement that the server takes, in bytes. */
    private readonly packet: number,
  ) {}

  /** One statement, which is a transaction of its own. */
  readonly run: Run = (...statement) => this.with((run) => run(...statement));

  /**
   * Commits, unless `keep` says no to what `work` has come to.
   *
   * @throws what `work` throws; then nothing was done.
   */
  transaction<T>(
    work: (run: Run) => Promise<T>,
    keep: (result: T) => boolean = () => true,
  ): Promise<T> {
    return this.with(async (run) => {
      await run('START TRANSACTION');
      try {
        const result = await work(run);
        await run(keep(result) ? 'COMMIT' : 'ROLLBACK');
        return result;
      } catch (error) {
        // Also after a wait for a lock was given up, which leaves the transaction open.
        if (isRefusal(error)) await run('ROLLBACK');
        throw error;
      }
    });
  }

  private async with<T>(work: (run: Run) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      const result = await work((...statement) => this.send(connection, ...statement));
      connection.release();
      return result;
    } catch (error) {
      if (error instanceof GivenUpError) void this.giveUp(connection);
      else leave(connection, isRefusal(error));
      throw error;
    }
  }

  /**
   * Its place in the pool is free when the server has ended it, too: a new connection for each that
   * waits for a lock would fill the server.
   */
  private async giveUp(connection: PoolConnection): Promise<void> {
    const ended = this.send(connection, 'ROLLBACK', [], END_TIMEOUT);
    const isSound = await ended.then(
      () => true,
      () => false,
    );
    leave(connection, isSound);
  }

  private async connect(): Promise<PoolConnection> {
    const connection = await this.acquire();
    if (this.prepared.has(connection)) return connection;
    connection.on('error', () => undefined); // whatever is under way fails with it
    try {
      for (const text of SESSION) await this.send(connection, text);
    } catch (error) {
      destroy(connection);
      throw error;
    }
    this.prepared.add(connection);
    return connection;
  }

  private acquire(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(noneFree());
      }, ACQUIRE_TIMEOUT);
      this.pool.getConnection((error, connection) => {
        clearTimeout(timer);
        if (error) reject(error);
        else if (isLate) connection.release();
        else resolve(connection);
      });
    });
  }

  private send(
    connection: PoolConnection,
    text: string,
    values: readonly unknown[] = [],
    timeout = STATEMENT_TIMEOUT,
  ): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => {
      const sql = connection.format(text, values);
      if (3 * sql.length > this.packet && Buffer.byteLength(sql) > this.packet - MARGIN) {
        throw new OversizeError(this.packet);
      }
      connection.query<RowDataPacket[] | ResultSetHeader>(
        { ...OPTIONS, sql },
        (error: Error | null, result) => {
          if (error) reject(error);
          else if (!Array.isArray(result)) resolve({ rows: [], count: result.affectedRows });
          else resolve({ rows: result as unknown as Row[], count: result.length });
        },
      );
    });
    // The timer of the driver goes on when the connection is lost, and keeps the process alive.
    return orGiveUp(timeout, reply);
  }
}

function leave(connection: PoolConnection, isSound: boolean): void {
  if (isSound) connection.release();
  else destroy(connection);
}

/** At once: `destroy` of the driver would wait for whoever does not answer. */
function destroy(connection: PoolConnection): void {
  connection.destroy();
  (connection as unknown as { stream: Socket }).stream.destroy();
}

function noneFree(): Error {
  return timedOut(`no connection of the pool became free within ${ACQUIRE_TIMEOUT} ms`);
}

function timedOut(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}
