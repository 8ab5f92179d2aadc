import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { urlWith } from './databases/databases.js';
import { Gate } from './gate.js';

/** How much of what a client sends is remembered, in bytes. */
const LONGEST_MEMORY = 100_000;

/** What a proxy does to what passes. */
interface Weather {
  /** Milliseconds that everything takes. */
  latency: number;
  repliesPass: boolean;
  /** Opens when anything passes again. */
  frozen: Gate | undefined;
  /** Only connections that have sent this are frozen; the empty text is sent by all. */
  frozenText: string;
  /** Opens when something has come that does not pass. */
  held: Gate;
  /** Connections that end at a request; each happens once. */
  readonly cuts: Set<Cut>;
}

interface Cut {
  /** Part of the request, such as `COMMIT`. */
  readonly text: string;
  readonly side: 'before' | 'after';
  /** What the client hears in place of the reply. @default its connection ends */
  readonly instead?: Buffer;
  readonly done: Gate;
}

/** Stands between clients and a server, and does to their connections what networks do. */
export class TcpProxy {
  private readonly weather: Weather = {
    latency: 0,
    repliesPass: true,
    frozen: undefined,
    frozenText: '',
    held: new Gate(),
    cuts: new Set(),
  };
  private readonly links = new Set<Link>();
  private readonly server: Server;
  private port = 0;

  /** A proxy before the server of this URL. */
  static async to(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(url);
    await proxy.accept();
    return proxy;
  }

  private constructor(private readonly target: string) {
    const { hostname: host, port } = new URL(target);
    this.server = createServer({ allowHalfOpen: true }, (client) => {
      const server = connect({ host, port: Number(port), allowHalfOpen: true });
      const link = new Link(client, server, this.weather);
      this.links.add(link);
      void link.closed.then(() => this.links.delete(link));
    });
  }

  /** The URL of the target, through this proxy. */
  get url(): string {
    return urlWith(this.target, { port: this.port });
  }

  /** How many connections there are now. */
  get connections(): number {
    return this.links.size;
  }

  /** Destroys all connections. New ones are still accepted. */
  cut(): void {
    for (const link of this.links) link.destroy();
  }

  /**
   * From now on nothing passes and nothing is closed: each end believes in the connection.
   *
   * @param text freezes only connections that have sent it, now or later.
   */
  freeze(text = ''): void {
    this.weather.frozen ??= new Gate();
    this.weather.frozenText = text;
    this.weather.held = new Gate();
  }

  /** Resolves when something is held back by {@link freeze}: somebody waits for a reply. */
  get held(): Promise<void> {
    return this.weather.held.opened;
  }

  /** Lets pass what was held back, in order. */
  thaw(): void {
    this.weather.frozen?.open();
    this.weather.frozen = undefined;
  }

  /** From now on new connections are refused; those that there are stay. */
  refuse(): void {
    this.server.close();
  }

  /** Accepts connections again, at the same address. */
  async accept(): Promise<void> {
    if (this.server.listening) return;
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** From now on whatever passes takes so many milliseconds, in each direction. */
  delay(ms: number): void {
    this.weather.latency = ms;
  }

  /** From now on requests arrive and their replies are lost. */
  swallowReplies(): void {
    this.weather.repliesPass = false;
  }

  /** Ends {@link swallowReplies}. What was lost stays lost. */
  passReplies(): void {
    this.weather.repliesPass = true;
  }

  /**
   * The next request with this text does not arrive: its connection is destroyed. Resolves when
   * that has happened.
   */
  cutBefore(text: string): Promise<void> {
    return this.plan({ text, side: 'before', done: new Gate() });
  }

  /**
   * The next request with this text arrives and is done; its reply is lost, and the connection
   * is destroyed. Resolves when that has happened.
   */
  cutAfter(text: string): Promise<void> {
    return this.plan({ text, side: 'after', done: new Gate() });
  }

  /**
   * The next request with this text arrives and is done, and the client hears this instead of the
   * reply. Resolves when that has happened.
   */
  denyAfter(text: string, instead: Buffer): Promise<void> {
    return this.plan({ text, side: 'after', instead, done: new Gate() });
  }

  close(): void {
    this.refuse();
    this.thaw();
    this.cut();
  }

  private plan(cut: Cut): Promise<void> {
    this.weather.cuts.add(cut);
    return cut.done.opened;
  }
}

/** One connection through the proxy: a socket at each end. */
class Link {
  readonly closed: Promise<unknown>;
  /** The request of this cut is on its way, and its reply must not pass. */
  private pending: Cut | undefined;
  /** What the client has sent so far; the beginning of it. */
  private sent = '';

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly weather: Weather,
  ) {
    this.forward(client, server, (data) => this.request(data));
    this.forward(server, client, (data) => this.reply(data));
    const ends = [client, server].map((socket) => new Promise((end) => socket.on('close', end)));
    this.closed = Promise.all(ends);
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
  }

  private forward(from: Socket, to: Socket, write: (data: Buffer) => void): void {
    const frozen = () =>
      this.sent.includes(this.weather.frozenText) ? this.weather.frozen : undefined;
    const lane = new Lane(this.weather, frozen);
    from.setNoDelay();
    from.on('data', (data) => lane.pass(() => write(data)));
    from.on('end', () => lane.pass(() => to.end()));
    from.on('error', () => lane.pass(() => to.destroy()));
  }

  private request(data: Buffer): void {
    if (this.sent.length < LONGEST_MEMORY) this.sent += data.toString('latin1');
    const cut = [...this.weather.cuts].find(({ text }) => data.includes(text));
    if (cut) this.weather.cuts.delete(cut);
    if (cut?.side === 'before') {
      this.destroy();
      cut.done.open();
      return;
    }
    this.pending ??= cut;
    this.server.write(data);
  }

  /** Servers answer when a request is done; neither driver sends the next one earlier. */
  private reply(data: Buffer): void {
    if (this.pending) {
      const { instead, done } = this.pending;
      this.pending = undefined;
      if (instead) this.client.write(instead);
      else this.destroy();
      done.open();
    } else if (this.weather.repliesPass) {
      this.client.write(data);
    }
  }
}

/** One direction of a connection: everything in order, after the delay, unless frozen. */
class Lane {
  private last = Promise.resolve();

  constructor(
    private readonly weather: Weather,
    private readonly frozen: () => Gate | undefined,
  ) {}

  pass(action: () => void): void {
    const due = Date.now() + this.weather.latency;
    this.last = this.inTurn(this.last, due, action);
  }

  private async inTurn(last: Promise<void>, due: number, action: () => void): Promise<void> {
    await last;
    if (due > Date.now()) await sleep(due - Date.now());
    for (let frozen = this.frozen(); frozen; frozen = this.frozen()) {
      this.weather.held.open();
      await frozen.opened;
    }
    action();
  }
}
