import type { ClaimedTask } from './server-database.js';

/** How long a claim whose reply was lost may still come true on a server that answers, in ms. */
const DOUBT = 60_000;
/** How often to look meanwhile, in ms. */
const LOOK_INTERVAL = 1000;

/** A claim that may have happened although no reply came. */
interface Doubt {
  until: number;
  lookAt: number;
}

/**
 * The tasks that this process holds. What a claim took whose reply was lost is held by a worker
 * that is alive and does not know it: nobody else would ever run it, so it is looked for.
 */
export class Holdings {
  /** Task ids with the lease under which this process got them, until their runs are stored. */
  private readonly leases = new Map<string, number>();
  private readonly doubts = new Map<string, Doubt>();
  private readonly claiming = new Set<Promise<unknown>>();
  private looking: Promise<unknown> | undefined;

  /** @param doubtFor in ms. */
  constructor(private readonly doubtFor = DOUBT) {}

  ids(): string[] {
    return [...this.leases.keys()];
  }

  /** A run of this process is over, as far as the store is concerned. */
  release(id: string, lease: number): void {
    if (this.leases.get(id) === lease) this.leases.delete(id);
  }

  /** Claims and holds what came. Not while somebody looks for what is not held. */
  async claim(work: () => Promise<ClaimedTask[]>): Promise<ClaimedTask[]> {
    while (this.looking) await this.looking;
    const claiming = work().then((tasks) => this.hold(tasks));
    this.claiming.add(claiming);
    try {
      return await claiming;
    } finally {
      this.claiming.delete(claiming);
    }
  }

  /** The reply to a claim of this worker was lost. */
  doubt(workerId: string): void {
    const now = performance.now();
    this.doubts.set(workerId, { until: now + this.doubtFor, lookAt: now });
  }

  /**
   * What this worker holds without knowing it, at most `most` tasks. Costs nothing as long as no
   * reply was lost.
   */
  async recover(
    workerId: string,
    most: number,
    find: () => Promise<ClaimedTask[]>,
  ): Promise<ClaimedTask[]> {
    const doubt = this.doubts.get(workerId);
    if (!doubt || this.looking || performance.now() < doubt.lookAt) return [];
    const looking = this.lookFor(most, find);
    this.looking = looking.then(
      () => undefined,
      () => undefined,
    );
    try {
      const found = await looking;
      if (found.length < most) this.foundAll(workerId, doubt);
      return found;
    } catch (error) {
      doubt.until = performance.now() + this.doubtFor;
      throw error;
    } finally {
      this.looking = undefined;
    }
  }

  private foundAll(workerId: string, doubt: Doubt): void {
    const now = performance.now();
    doubt.lookAt = now + LOOK_INTERVAL;
    if (now > doubt.until && this.doubts.get(workerId) === doubt) this.doubts.delete(workerId);
  }

  private async lookFor(most: number, find: () => Promise<ClaimedTask[]>): Promise<ClaimedTask[]> {
    await Promise.allSettled(this.claiming);
    // As of now: what ends while the look is under way is no lost claim.
    const known = new Map(this.leases);
    const running = await find();
    return this.hold(running.filter(({ id, lease }) => known.get(id) !== lease).slice(0, most));
  }

  private hold(tasks: ClaimedTask[]): ClaimedTask[] {
    for (const { id, lease } of tasks) this.leases.set(id, lease);
    return tasks;
  }
}
