import type { Client } from 'pg';
import type { SitqLogger } from '../../../../core/logger.js';
import { textOf } from '../../../../core/text-of.js';
import { within } from '../../../../core/within.js';
import type { PostgresConnections } from './postgres.connections.js';

/** How often to see whether the connection still hears, in ms, and how long to wait for the echo. */
const PING_INTERVAL = 10_000;
const ECHO_TIMEOUT = 3000;
/** Pauses between attempts to connect again, in ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 3000;
/** The same when not even a new connection has ever heard anything: that is how things are here. */
const HOPELESS_PAUSE = 60_000;
/** How long to wait for the server's goodbye, in ms. */
const GOODBYE = 500;

/** Connections outside the pool. */
export type ListenerConnections = Pick<PostgresConnections, 'beside' | 'ask' | 'drop'>;

/** What a listener needs to know. */
export interface ListenerParts {
  readonly channel: string;
  readonly connections: ListenerConnections;
  /** Notifies the channel on another connection. */
  readonly ping: (payload: string) => Promise<void>;
  /** What a ping of ours says, and nobody else's. */
  readonly echo: string;
  readonly onNotification: (payload: string) => void;
  /** Notifications may have been missed. */
  readonly onGap: () => void;
  readonly logger: SitqLogger | undefined;
}

/**
 * Hears a channel on a connection of its own, and makes that again when it is lost. It is tested by
 * a notification from another connection: so a half-open one is noticed, and a pooler that gives
 * the session behind it to somebody else.
 */
export class Listener {
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pause = FIRST_PAUSE;
  private missed = false;
  private heard = false;
  private everHeard = false;
  private warned = false;
  private closed = false;

  constructor(private readonly parts: ListenerParts) {}

  /** The connection while it can be used; good for notifying, too. */
  get connection(): Client | undefined {
    return this.client;
  }

  /** Resolves when it listens, or has failed to for the first time. */
  async open(): Promise<void> {
    const { channel, connections, onGap } = this.parts;
    let client: Client | undefined;
    try {
      client = await connections.beside();
      this.follow(client);
      await connections.ask(client, `LISTEN "${channel}"`, [], ECHO_TIMEOUT);
    } catch (error) {
      if (client) await connections.drop(client);
      await this.failed(textOf(error));
      return;
    }
    if (this.closed) return connections.drop(client);
    unref(client); // to hear is not to keep the process alive
    this.client = client;
    if (this.missed) onGap();
    this.missed = false;
    void this.ping(client);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    if (!client) return;
    await within(GOODBYE, client.end());
    destroy(client);
  }

  /** The connection cannot be used any more. The next one is made when it is gone. */
  lose(client: Client, reason?: string): void {
    if (client !== this.client) return;
    const dropped = this.parts.connections.drop(client);
    this.client = undefined;
    if (reason !== undefined) this.warn(reason);
    this.missed = true;
    const hopeless = reason !== undefined && !this.everHeard;
    const pause = hopeless ? HOPELESS_PAUSE : this.nextPause();
    this.later(() => dropped.then(() => this.open()), pause);
  }

  private follow(client: Client): void {
    // What is lost may be back at once: only when it is not there is something to say.
    client.on('error', () => this.lose(client));
    client.on('end', () => this.lose(client));
    client.on('notification', ({ payload = '' }) => {
      if (payload === this.parts.echo) this.hear();
      else this.parts.onNotification(payload);
    });
  }

  private async ping(client: Client): Promise<void> {
    this.heard = false;
    try {
      await this.parts.ping(this.parts.echo);
    } catch {
      this.later(() => this.ping(client), PING_INTERVAL); // which says nothing of this connection
      return;
    }
    // An echo that came while the event loop was held up is read before the immediate.
    this.later(() => setImmediate(() => this.checkEcho(client)), ECHO_TIMEOUT);
  }

  private checkEcho(client: Client): void {
    if (client !== this.client) return;
    if (this.heard) {
      this.later(() => this.ping(client), PING_INTERVAL - ECHO_TIMEOUT);
      return;
    }
    const reason = this.everHeard
      ? 'the connection does not hear any more'
      : 'LISTEN is not heard: behind pgbouncer in transaction mode set listen: false';
    this.lose(client, reason);
  }

  /** Where the whole server is away there are others who say so. */
  private async failed(reason: string): Promise<void> {
    this.missed = true;
    this.later(() => this.open(), this.nextPause());
    const { echo, ping } = this.parts;
    const isServerThere = await ping(echo).then(
      () => true,
      () => false,
    );
    if (isServerThere) this.warn(reason);
  }

  private hear(): void {
    this.heard = true;
    this.everHeard = true;
    this.pause = FIRST_PAUSE;
    if (this.warned) this.parts.logger?.log('Other processes wake this one again.');
    this.warned = false;
  }

  private warn(reason: string): void {
    if (this.warned || this.closed) return;
    this.warned = true;
    this.parts.logger?.warn(
      `Other processes cannot wake this one (${reason}); it notices their tasks at its next poll.`,
    );
  }

  private nextPause(): number {
    const { pause } = this;
    this.pause = Math.min(LONGEST_PAUSE, 2 * pause);
    return pause * (0.5 + Math.random() / 2);
  }

  private later(work: () => unknown, ms: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void work(), ms).unref();
  }
}

function unref(client: Client): void {
  (client as unknown as { unref: () => void }).unref();
}

/** Without the goodbye, which a half-open connection would wait for. */
function destroy(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy: () => void } } }
  ).connection.stream.destroy();
}
