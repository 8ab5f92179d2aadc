import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { BackendChange } from '../../../../core/capabilities/waking-backend.js';
import type { SitqLogger } from '../../../../core/logger.js';
import { within } from '../../../../core/within.js';
import type { Ring, Waker } from '../../waker.js';
import { Listener, type ListenerConnections } from './listener.js';
import type { PostgresConnections } from './postgres.connections.js';

/** Notifications of one process are at least so far apart, in ms: each costs the whole database. */
const GAP = 5;
/** How long a notification may take, and how long to wait when it could not be sent, in ms. */
const TIMEOUT = 5000;
const LONGEST_PAUSE = 1000;
/** How long closing waits for the last one, in ms. */
const LAST_NEWS = 500;

const PING = 'ping';
const NOTIFY = 'SELECT pg_notify($1, $2)';

/** One letter per kind of news. */
const LETTERS: Readonly<Record<Ring, string>> = {
  enqueued: 'e',
  returned: 'r',
  settled: 's',
  'cancel-requested': 'c',
};

/**
 * Wakes other processes through NOTIFY, and hears them where it listens. A notification is sent
 * after the commit it tells of and apart from it: inside it would make all commits of the database
 * queue for one lock. The first news go at once; what follows soon goes together.
 */
export class Notifications implements Waker {
  /** Begins what this process says; by the session behind a connection a pooler would mislead. */
  private readonly sender = randomBytes(6).toString('base64url');
  private readonly listener: Listener | undefined;
  private onChange: ((change: BackendChange) => void) | undefined;
  private readonly pending = new Set<Ring>();
  private sending: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly channel: string,
    isListening: boolean,
    private readonly connections: Pick<PostgresConnections, 'run'> & ListenerConnections,
    logger: SitqLogger | undefined,
  ) {
    if (!isListening) return;
    this.listener = new Listener({
      channel,
      connections,
      ping: (payload) => this.notify(undefined, payload),
      echo: `${this.sender}:${PING}`,
      onNotification: (payload) => this.hear(payload),
      onGap: () => this.onChange?.({ kind: 'elsewhere' }),
      logger,
    });
  }

  async open(): Promise<void> {
    await this.listener?.open();
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
    await within(LAST_NEWS, this.sending);
    this.closed = true;
    await this.listener?.close();
  }

  /** News that could not be sent are sent later: whoever polls rarely relies on them. */
  private async send(): Promise<void> {
    let pause = GAP;
    while (this.pending.size > 0 && !this.closed) {
      const news = [...this.pending];
      this.pending.clear();
      const letters = news.map((change) => LETTERS[change]).join('');
      const [isSent] = await Promise.all([this.tell(`${this.sender}:${letters}`), sleep(pause)]);
      if (!isSent) for (const change of news) this.pending.add(change);
      pause = isSent ? GAP : Math.min(LONGEST_PAUSE, 2 * pause);
    }
  }

  private async tell(payload: string): Promise<boolean> {
    const client = this.listener?.connection;
    try {
      await this.notify(client, payload);
      return true;
    } catch {
      if (client) this.listener?.lose(client);
      return false;
    }
  }

  /** On a connection of the pool where none is given. */
  private async notify(client: Client | undefined, payload: string): Promise<void> {
    const values = [this.channel, payload];
    if (client) await this.connections.ask(client, NOTIFY, values, TIMEOUT);
    else await this.connections.run(NOTIFY, values, { timeout: TIMEOUT });
  }

  private hear(payload: string): void {
    const [sender, letters = ''] = payload.split(':');
    if (sender === this.sender || letters === PING) return;
    if (letters.includes(LETTERS['cancel-requested']))
      this.onChange?.({ kind: 'cancel-requested' });
    const again = letters.includes(LETTERS.returned);
    if (again || letters.includes(LETTERS.enqueued)) this.onChange?.({ kind: 'enqueued', again });
    if (letters.includes(LETTERS.settled)) this.onChange?.({ kind: 'settled', taskIds: null });
  }
}
