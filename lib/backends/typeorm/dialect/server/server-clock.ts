import type { Clock } from '../../../../core/clock.js';

/** A step back beyond this is a correction; a smaller one is only noise, in ms. */
const NOISE = 1000;
/** How long a known time is good for: two clocks drift apart by some ms an hour. */
const FRESH = 10_000;

/**
 * The clock of a database server, as far as this process can tell: its last known time plus what
 * has passed here since, by a counter that nobody can set. It runs late by the way of the reply,
 * never ahead, so that what is to start now can.
 */
export class ServerClock implements Clock {
  private serverTime = Date.now();
  private heardAt = performance.now();
  private staleFrom = -Infinity;
  private last = 0;

  /** Whether the server is to be asked again. */
  get isStale(): boolean {
    return performance.now() > this.staleFrom;
  }

  /** The server's time, as a reply that came just now tells it. */
  hear(serverTime: number): void {
    this.serverTime = serverTime;
    this.heardAt = performance.now();
    this.staleFrom = this.heardAt + FRESH;
  }

  /** Does not step back by noise: tasks enqueued one after another keep their order. */
  now(): number {
    const now = Math.floor(this.serverTime + performance.now() - this.heardAt);
    if (now > this.last || this.last - now > NOISE) this.last = now;
    return this.last;
  }
}
