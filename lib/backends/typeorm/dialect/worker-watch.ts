import { isProcessAlive, type ProcessIdentity } from '../../../core/process-identity.js';

/** A registration as a look finds it. */
export interface Registration extends ProcessIdentity {
  readonly id: string;
  /** In ms. */
  readonly lease: number;
  /** By the clock of the store. Each sign of life changes it. */
  readonly expiresAt: number;
}

/** Every registration at one moment, by the clock of the store. */
export interface Muster {
  readonly workers: readonly Registration[];
  readonly now: number;
  /** Since when the store runs, where it can be away; about a second off on MySQL. */
  readonly startedAt?: number;
}

/** After so many leases of silence who looks for the first time believes the clock. */
const FORGOTTEN = 10;
/**
 * Time between two looks counts up to a third of the lease, or so many ms: this process may have
 * stood still, or the store been away, and with it everybody's signs of life.
 */
const LONGEST_GAP = 1000;
const GAPS_PER_LEASE = 3;

/**
 * Tells who has fallen silent by watching for a whole lease, on a counter that nobody can set: the
 * clock of a store jumps when a machine wakes, when it is set, and when a server fails over to
 * another. Until then whoever lives has had the time to give a sign of life, whatever the clock says.
 *
 * Who looks for the first time has watched nobody. It believes the clock about those that have been
 * silent for very long, as long as nothing speaks against it, so that lost tasks are taken over also
 * where no process lives for a lease.
 */
export class WorkerWatch {
  private silences = new Map<string, { readonly expiresAt: number; readonly ms: number }>();
  private lookedAt: number | undefined;

  /** @returns the ids of those that have been silent for their whole lease. */
  look(muster: Muster, at = performance.now()): Set<string> {
    const known = this.silences;
    const passed = this.lookedAt === undefined ? undefined : at - this.lookedAt;
    this.silences = new Map();
    this.lookedAt = at;
    const silent = new Set<string>();
    for (const worker of muster.workers) {
      const { id, lease, expiresAt } = worker;
      const before = known.get(id);
      let ms = 0;
      if (passed === undefined) ms = isForgotten(worker, muster) ? lease : 0;
      else if (before?.expiresAt === expiresAt) ms = before.ms + Math.min(passed, gapOf(lease));
      this.silences.set(id, { expiresAt, ms });
      if (ms >= lease) silent.add(id);
    }
    return silent;
  }
}

function gapOf(lease: number): number {
  return Math.max(LONGEST_GAP, lease / GAPS_PER_LEASE);
}

function isForgotten(worker: Registration, { now, startedAt = -Infinity }: Muster): boolean {
  const renewedAt = worker.expiresAt - worker.lease;
  const isLongAgo = renewedAt >= startedAt && now - renewedAt > FORGOTTEN * worker.lease;
  return isLongAgo && !isProcessAlive(worker);
}
