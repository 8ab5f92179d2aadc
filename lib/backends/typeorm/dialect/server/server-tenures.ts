/** How far apart two looks may find the start of one server, in ms. */
const TOLERANCE = 2500;

/**
 * For how long this process has known the servers that it reaches. While a server was away nobody
 * could renew a lease, and its start tells too little: it may have recovered for minutes before it
 * let anybody in, and the one after a failover was there all the time.
 */
export class ServerTenures {
  /** When each was first seen, by the instant of its start. Behind a balancer there are several. */
  private readonly known = new Map<number, number>();

  /** Asked at each look at the workers. */
  see(startedAt: number, now = performance.now()): void {
    const isKnown = [...this.known.keys()].some((each) => Math.abs(each - startedAt) < TOLERANCE);
    if (!isKnown) this.known.set(startedAt, now);
  }

  /**
   * Whether whoever renewed last at this instant has had a whole lease to do so again.
   *
   * @param startedAt of the server that was asked.
   */
  gave(lease: number, renewedAt: number, startedAt: number, now = performance.now()): boolean {
    const wasOneServer = this.known.size === 1 && renewedAt >= startedAt;
    return wasOneServer || now - this.seenAt(startedAt) >= lease;
  }

  private seenAt(startedAt: number): number {
    const near = [...this.known].find(([each]) => Math.abs(each - startedAt) < TOLERANCE);
    return near?.[1] ?? Infinity;
  }
}
