import { isProcessGone } from '../../../../core/process-identity.js';
import { removeMark } from '../../../../core/process-mark.js';
import type { Rescue, WriteKinds } from '../../write-batch.js';
import { ClockSteps } from '../clock-steps.js';
import { WorkerWatch, type Muster, type Registration } from '../worker-watch.js';
import type { Claims } from './claims.js';
import { Pace } from './pace.js';
import type { ClaimedTask, ServerDatabase } from './server-database.js';

/** Up to so many ms a look for tasks without a worker may be repeated at will. */
const CHEAP_SWEEP = 20;

/** The workers of a database, as far as this process registers them and takes over from them. */
export class Registrations {
  private readonly sweeps = new Pace();
  private readonly watch = new WorkerWatch();
  private readonly steps = new ClockSteps();
  private isAnyEarly = false;
  /** Workers of this process that heard that they are not registered any more. */
  private readonly lost = new Set<string>();

  constructor(
    private readonly database: ServerDatabase,
    private readonly claims: Claims,
  ) {}

  async register({ worker, beat }: WriteKinds['register']['input']): Promise<void> {
    const isBack = this.lost.has(worker.id);
    const left = isBack ? await this.handOn(worker.id) : [];
    await this.database.register(worker, beat);
    if (isBack) this.claims.startOver(worker.id, left);
    this.lost.delete(worker.id);
    this.claims.registered.add(worker.id);
  }

  /**
   * Before a worker registers again: a claim that was under way when it stood still may have come
   * true since. Such tasks must not run under their lease once more.
   *
   * @returns what cannot be handed on, since somebody has it locked. Of this moment it is the
   * worker's own: while it is not registered it claims nothing.
   */
  private async handOn(workerId: string): Promise<ClaimedTask[]> {
    const { reads } = this.database;
    const held = new Map((await reads.findHeld(workerId)).map(({ id, lease }) => [id, lease]));
    if (held.size === 0) return [];
    await this.takeOver([], []);
    const left = await reads.findHeld(workerId);
    return left.filter(({ id, lease }) => held.get(id) === lease);
  }

  /** @returns whether the registration holds. */
  async renew({ workerId, beat }: WriteKinds['renew']['input']): Promise<boolean> {
    const holds = await this.database.renew(workerId, beat);
    if (!holds) this.lost.add(workerId);
    return holds;
  }

  async retire(workerId: string): Promise<void> {
    await this.database.retire(workerId);
    this.claims.registered.delete(workerId);
    this.lost.delete(workerId);
  }

  /** Takes over from workers that are gone or have fallen silent. */
  async rescue({ rescuerId, onlyGone }: WriteKinds['rescue']['input']): Promise<Rescue> {
    const muster = await this.database.reads.findWorkers();
    const broughtForward = await this.bringForward(muster);
    const workers = muster.workers.filter(({ id }) => id !== rescuerId);
    const silentIds = this.watch.look(muster);
    const gone = workers.filter((worker) => isProcessGone(worker)).map(({ id }) => id);
    const silent = onlyGone ? [] : workers.filter(({ id }) => silentIds.has(id));
    if (gone.length + silent.length === 0 && !(await this.isAnyTaskOrphaned())) {
      return { tasks: [], broughtForward };
    }
    const rescued = await this.takeOver(gone, silent);
    gone.forEach(removeMark);
    const tasks = rescued.map(({ id, name, workerId, attempt, status }) => {
      return { id, name, workerId, attempt, status };
    });
    return { tasks, broughtForward };
  }

  /** What waits in vain since the clock went back. */
  private async bringForward({ now, workers }: Muster): Promise<number> {
    const isDue = workers.length > 0 && this.steps.mayHaveGoneBack(now);
    if (!isDue && !this.isAnyEarly) return 0;
    const count = await this.database.bringForward();
    this.isAnyEarly = count > 0;
    if (this.isAnyEarly) this.claims.wake(true);
    return count;
  }

  /** From these workers, and from those that are not registered. */
  private async takeOver(gone: string[], silent: Registration[]) {
    const rescued = await this.database.rescue(gone, silent);
    this.claims.added(rescued.filter(({ status }) => status === 'queued'));
    return rescued;
  }

  /** A claim may come in between when its worker is declared lost. */
  private async isAnyTaskOrphaned(): Promise<boolean> {
    if (!this.sweeps.allows(CHEAP_SWEEP)) return false;
    const { found, took } = await this.database.reads.findOrphan();
    this.sweeps.ended(took);
    return found;
  }
}
