import type { Clock } from '../../../../core/clock.js';

/** A step back beyond this is a correction; a smaller one is only noise, in ms. */
const NOISE = 1000;
/** How long a known time is good for: two clocks drift apart by some ms an hour. */
const FRESH = 10_000;
/** The same for who must know it, whoever has set the server's clock meanwhile. */
const EXACT = 1000;

/**
 * The clock of a database server, as far as this process can tell: its last known time plus what
 * has passed here since, by a counter that nobody can set. It runs late by the way of the reply,
 * never ahead, so that what is to start now can.
 */
export class ServerClock implements Clock {
  /** How often the server's time was found to have jumped. */
  jumps = 0;

  private serverTime = Date.now();
  private heardAt = performance.now();
  private readonly counterAt = new CounterAt();
  private staleFrom = -Infinity;
  private last = 0;
  private asking: Promise<void> | undefined;

  /** @param ask the server for its time, for who must know it. */
  constructor(private readonly ask: () => Promise<number>) {}

  /** Whether the server is to be asked again: what is known of its time is old, or may be wrong. */
  get isStale(): boolean {
    return performance.now() > this.staleFrom || this.counterAt.hasStoodStill();
  }

  refresh(): Promise<void> | undefined {
    if (!this.isStale && performance.now() - this.heardAt < EXACT) return undefined;
    this.asking ??= this.askOnce().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Another server may answer from now on. */
  doubt(): void {
    this.staleFrom = -Infinity;
  }

  /** The server's time, as a reply that came just now tells it. */
  hear(serverTime: number): void {
    const now = performance.now();
    const isJump = Math.abs(this.serverTime + now - this.heardAt - serverTime) > NOISE;
    if (isJump) this.jumps += 1;
    this.serverTime = serverTime;
    this.heardAt = now;
    this.staleFrom = now + FRESH;
    this.counterAt.note();
  }

  /** Does not step back by noise: tasks enqueued one after another keep their order. */
  now(): number {
    const now = Math.floor(this.serverTime + performance.now() - this.heardAt);
    if (now > this.last || this.last - now > NOISE) this.last = now;
    return this.last;
  }

  private async askOnce(): Promise<void> {
    this.hear(await this.ask());
  }
}

/**
 * Where the counter stood by the clock of this machine. The counter stands still while the machine
 * sleeps, and the clock does not: when the two part, the counter tells nothing about a server.
 */
class CounterAt {
  private ahead = ahead();

  note(): void {
    this.ahead = ahead();
  }

  hasStoodStill(): boolean {
    return Math.abs(ahead() - this.ahead) > NOISE;
  }
}

function ahead(): number {
  return Date.now() - performance.now();
}
