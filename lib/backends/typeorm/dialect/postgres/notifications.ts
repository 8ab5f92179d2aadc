import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Notification, Pool, PoolClient } from 'pg';
import type { BackendChange } from '../../../../core/capabilities/waking-backend.js';
import type { SitqLogger } from '../../../../core/logger.js';
import { textOf } from '../../../../core/text-of.js';
import type { Ring, Waker } from '../../waker.js';

/** How often to see whether the connection still hears, in ms, and how long to wait for the echo. */
const PING_INTERVAL = 15_000;
const ECHO_TIMEOUT = 5000;
/** Pauses between attempts to connect again, in ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

/** Notifications of one process are at least so far apart, in ms: each costs the whole database. */
const GAP = 5;

const PING = 'ping';

/** One letter per kind of news. */
const LETTERS: Readonly<Record<Ring, string>> = {
  enqueued: 'e',
  settled: 's',
  'cancel-requested': 'c',
};

/**
 * Wakes other processes through NOTIFY, and hears them on a connection of its own. A notification
 * is sent after the commit it tells of and apart from it: inside it would make all commits of the
 * database queue for one lock. The first news go at once; what follows soon goes together.
 *
 * The connection is tested by notifying itself: so a half-open one is noticed, and a pooler
 * that gives the session to somebody else.
 */
export class Notifications implements Waker {
  private client: Client | undefined;
  private onChange: ((change: BackendChange) => void) | undefined;
  private pending = new Set<Ring>();
  private sending: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private connecting: Promise<void> | undefined;
  private pause = FIRST_PAUSE;
  private echo = true;
  private everHeard = false;
  private warned = false;
  private closed = false;

  constructor(
    private readonly channel: string,
    private readonly isListening: boolean,
    /** Makes a connection of its own, outside the pool. */
    private readonly connect: () => Promise<Client>,
    private readonly pool: () => Pool,
    private readonly logger: SitqLogger | undefined,
  ) {}

  async open(): Promise<void> {
    if (this.isListening) await this.reconnect();
  }

  ring(changes: ReadonlySet<Ring>): void {
    for (const change of changes) this.pending.add(change);
    this.sending ??= this.send().finally(() => (this.sending = undefined));
  }

  listen(onChange: (change: BackendChange) => void): void {
    this.onChange = onChange;
  }

  ignore(): void {
    this.onChange = undefined;
  }

  async close(): Promise<void> {
    await this.sending;
    this.closed = true;
    clearTimeout(this.timer);
    await this.connecting;
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async send(): Promise<void> {
    while (this.pending.size > 0 && !this.closed) {
      const news = [...this.pending].map((change) => LETTERS[change]).join('');
      this.pending.clear();
      // A hint: whoever misses it polls.
      await Promise.all([this.notify(news).catch(() => undefined), sleep(GAP)]);
    }
  }

  private async notify(payload: string): Promise<void> {
    const via: Client | Pool | PoolClient = this.client ?? this.pool();
    await via.query('SELECT pg_notify($1, $2)', [this.channel, payload]);
  }

  private reconnect(): Promise<void> {
    clearTimeout(this.timer);
    this.connecting ??= this.connectOnce().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  private async connectOnce(): Promise<void> {
    try {
      const client = await this.connect();
      client.on('error', () => this.lose(client));
      client.on('end', () => this.lose(client));
      client.on('notification', (message) => this.hear(client, message));
      await client.query(`LISTEN "${this.channel}"`);
      if (this.closed) return await client.end();
      const isFirst = this.client === undefined && !this.everHeard;
      this.client = client;
      this.echo = true;
      if (this.warned) this.logger?.log(`Other processes wake this one again.`);
      this.warned = false;
      this.pause = FIRST_PAUSE;
      if (!isFirst) this.onChange?.({ kind: 'elsewhere' }); // what was missed meanwhile
      await this.ping(client);
    } catch (error) {
      this.warn(textOf(error));
      this.schedule(() => this.reconnect(), this.nextPause());
    }
  }

  /** Notifies itself; the next round looks whether that was heard. */
  private async ping(client: Client): Promise<void> {
    this.echo = false;
    await client.query('SELECT pg_notify($1, $2)', [this.channel, PING]);
    this.schedule(() => this.checkEcho(client), ECHO_TIMEOUT);
  }

  private checkEcho(client: Client): void {
    if (client !== this.client) return;
    if (!this.echo) {
      this.lose(
        client,
        this.everHeard
          ? 'the connection does not hear any more'
          : 'LISTEN is not heard: behind pgbouncer in transaction mode set listen: false',
      );
      return;
    }
    this.schedule(() => {
      this.ping(client).catch(() => this.lose(client));
    }, PING_INTERVAL - ECHO_TIMEOUT);
  }

  private hear(client: Client, { processId, payload = '' }: Notification): void {
    const own = processId === (client as Client & { processID: number }).processID;
    if (payload === PING) {
      if (own) this.echo = this.everHeard = true;
      return;
    }
    if (own) return;
    if (payload.includes(LETTERS['cancel-requested']))
      this.onChange?.({ kind: 'cancel-requested' });
    if (payload.includes(LETTERS.enqueued)) this.onChange?.({ kind: 'enqueued' });
    if (payload.includes(LETTERS.settled)) this.onChange?.({ kind: 'settled', taskIds: null });
  }

  private lose(client: Client, reason = 'the connection was lost'): void {
    if (client !== this.client) return;
    this.client = undefined;
    destroy(client);
    if (this.closed) return;
    this.warn(reason);
    this.schedule(() => this.reconnect(), this.nextPause());
  }

  private warn(reason: string): void {
    if (this.warned) return;
    this.warned = true;
    this.logger?.warn(
      `Other processes cannot wake this one (${reason}); it notices their tasks at its next poll.`,
    );
  }

  private nextPause(): number {
    const pause = this.pause;
    this.pause = Math.min(LONGEST_PAUSE, 2 * pause);
    return pause * (0.5 + Math.random() / 2);
  }

  private schedule(work: () => unknown, ms: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void work(), ms).unref();
  }
}

/** Without the goodbye, which a half-open connection would wait for. */
function destroy(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy: () => void } } }
  ).connection.stream.destroy();
}
