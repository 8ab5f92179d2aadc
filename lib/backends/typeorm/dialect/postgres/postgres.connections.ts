import type { Client, ClientBase, CustomTypesConfig, Pool, PoolClient, QueryArrayResult } from 'pg';
import type { Socket } from 'node:net';
import type { DataSource, DataSourceOptions } from 'typeorm';
import type { StoreSettings } from '../../store-settings.js';
import { GivenUpError, orGiveUp } from '../server/given-up.error.js';
import { poolSizeOf } from '../server/pool-size.js';
import type { Row } from '../server/rows.js';
import { Sockets } from '../server/sockets.js';
import { cancel } from './cancel.js';
import { isPreparedElsewhere } from './postgres.errors.js';

/** How long a statement may take before its connection counts as lost, in ms. */
const STATEMENT_TIMEOUT = 15_000;
const CONNECT_TIMEOUT = 5000;
/** How long the server may take to end what was given up, in ms. */
const END_TIMEOUT = 2000;
/** When an idle connection begins to show that it is alive, in ms: some networks forget it. */
const KEEP_ALIVE = 30_000;

/** What our columns and expressions are; `pg` would give bigint as text. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  20: Number,
  21: Number,
  23: Number,
};
const TYPES = { getTypeParser: (oid: number) => PARSERS[oid] ?? String } as CustomTypesConfig;

/** How a statement is run. */
interface How {
  /** For a statement that the server may keep prepared, on each connection. */
  readonly name?: string;
  /** In ms. @default {@link STATEMENT_TIMEOUT} */
  readonly timeout?: number;
}

/** Runs a statement. */
export type Run = (
  text: string,
  values?: readonly unknown[],
  how?: How,
) => Promise<QueryArrayResult<Row>>;

/** The `pg` pool of a TypeORM DataSource, and connections beside it. */
export class PostgresConnections {
  pool!: Pool;

  private readonly sockets: Sockets;
  /** Whether connections turned out to be shared through a pooler. */
  private isPooled = false;

  constructor(private readonly settings: StoreSettings) {
    const { stream } = (settings.connection.extra ?? {}) as { stream?: never };
    this.sockets = new Sockets(stream);
  }

  options(): DataSourceOptions {
    const { extra, ...connection } = this.settings.connection;
    return {
      poolSize: poolSizeOf(this.settings),
      connectTimeoutMS: CONNECT_TIMEOUT,
      applicationName: 'sitq',
      ...connection,
      ...(this.settings.schema === undefined ? {} : { schema: this.settings.schema }),
      installExtensions: false,
      poolErrorHandler: () => undefined, // an idle connection that breaks is replaced by the pool
      extra: {
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE,
        allowExitOnIdle: true, // an application that failed to boot closes nothing
        ...(extra as object),
        stream: this.sockets.create,
      },
    } as DataSourceOptions;
  }

  /** Takes the pool of a DataSource that was made with {@link options}. */
  attach(dataSource: DataSource): void {
    this.pool = poolOf(dataSource);
  }

  abandon(): void {
    this.sockets.destroyAll();
  }

  /** One statement, which is a transaction of its own. */
  readonly run: Run = (...statement) => this.with((run) => run(...statement));

  /** Commits, unless `keep` says no to what `work` has come to, or it fails. */
  transaction<T>(
    work: (run: Run) => Promise<T>,
    keep: (result: T) => boolean = () => true,
  ): Promise<T> {
    return this.with(async (run) => {
      await run('BEGIN');
      const result = await work(run);
      await run(keep(result) ? 'COMMIT' : 'ROLLBACK');
      return result;
    });
  }

  private async with<T>(work: (run: Run) => Promise<T>): Promise<T> {
    const client = await this.acquire();
    try {
      const result = await work((...statement) => this.send(client, ...statement));
      client.off('error', ignore);
      client.release();
      return result;
    } catch (error) {
      if (error instanceof GivenUpError) void this.giveUp(client);
      else client.release(true);
      throw error;
    }
  }

  /**
   * A connection of the pool. Nobody hears its errors from then on but the statement under way: the
   * server may end a session in the same packet in which it lets it in, before a promise is told.
   */
  private acquire(): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      this.pool.connect((error, client) => {
        client?.on('error', ignore);
        if (client) resolve(client);
        else reject(error as Error);
      });
    });
  }

  /**
   * Its place in the pool is free when the server has ended it, too: a new connection for each that
   * waits for a lock would fill the server.
   */
  private async giveUp(client: PoolClient): Promise<void> {
    await this.cancel(client);
    const ended = this.send(client, 'ROLLBACK', [], { timeout: END_TIMEOUT });
    const isSound = await ended.then(
      () => true,
      () => false,
    );
    client.off('error', ignore);
    client.release(!isSound);
  }

  private cancel(client: ClientBase): Promise<void> {
    return cancel(client, () => this.create(this.pool));
  }

  /**
   * Whether an unknown prepared statement is why it failed: a pooler in transaction mode hands out
   * sessions of others. From then on nothing is prepared any more.
   */
  notePooler(error: unknown): boolean {
    const isPooler = isPreparedElsewhere(error);
    this.isPooled ||= isPooler;
    return isPooler;
  }

  /** A connection of its own with the options of the pool. */
  async beside(pool = this.pool): Promise<Client> {
    const client = this.create(pool);
    client.on('error', ignore); // whatever is under way fails with it
    await client.connect();
    return client;
  }

  /** A statement on a connection that {@link beside} has made. */
  async ask(client: Client, text: string, values: unknown[], timeout: number): Promise<void> {
    await orGiveUp(timeout, client.query(text, values));
  }

  /** Ends such a connection and what it does, without the goodbye that nobody may answer. */
  async drop(client: Client): Promise<void> {
    await this.cancel(client);
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  }

  private create(pool: Pool): Client {
    const { Client: Connection, options } = pool as unknown as {
      Client: new (options: unknown) => Client;
      options: unknown;
    };
    return new Connection(options);
  }

  /** What a connection beside the pool is made with; sockets are only ours to make. */
  threadOptions(): object {
    const { options } = this.pool as unknown as { options: object };
    const { stream } = (this.settings.connection.extra ?? {}) as { stream?: unknown };
    return { ...options, stream };
  }

  private send(
    client: PoolClient,
    text: string,
    values: readonly unknown[] = [],
    { name, timeout = STATEMENT_TIMEOUT }: How = {},
  ): Promise<QueryArrayResult<Row>> {
    const query = {
      text,
      name: this.isPooled ? undefined : name && this.settings.tablePrefix + name,
      values: values as unknown[],
      rowMode: 'array' as const,
      types: TYPES,
    };
    return orGiveUp(timeout, client.query<Row>(query));
  }
}

function ignore(): void {
  // Whoever uses the connection hears of it.
}

/** The pool under a DataSource. */
export function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}
