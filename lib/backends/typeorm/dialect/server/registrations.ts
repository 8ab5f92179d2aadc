import type { RescuedTask } from '../../../../core/capabilities/leasing-backend.js';
import { isProcessGone } from '../../../../core/process-identity.js';
import type { WriteKinds } from '../../write-batch.js';
import type { Claims } from './claims.js';
import { Pace } from './pace.js';
import type { ClaimedTask, KnownWorker, ServerDatabase } from './server-database.js';
import { ServerTenures } from './server-tenures.js';

/** Up to so many ms a look for tasks without a worker may be repeated at will. */
const CHEAP_SWEEP = 20;

/** The workers of a database, as far as this process registers them and takes over from them. */
export class Registrations {
  private readonly sweeps = new Pace();
  private readonly tenures = new ServerTenures();
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

  /** Takes over from workers that are gone, or have run out where nobody kept them from renewing. */
  async rescue({ rescuerId, onlyGone }: WriteKinds['rescue']['input']): Promise<RescuedTask[]> {
    const { workers: all, startedAt } = await this.database.reads.findWorkers();
    if (all.length > 0) this.tenures.see(startedAt);
    const workers = all.filter(({ id }) => id !== rescuerId);
    const gone = workers.filter((worker) => isProcessGone(worker)).map(({ id }) => id);
    const isLost = ({ expired, lease, renewedAt }: KnownWorker) =>
      expired && !onlyGone && this.tenures.gave(lease, renewedAt, startedAt);
    const expired = workers.filter(isLost).map(({ id }) => id);
    if (gone.length + expired.length === 0 && !(await this.isAnyTaskOrphaned())) return [];
    const rescued = await this.takeOver(gone, expired);
    return rescued.map(({ id, name, workerId, attempt, status }) => {
      return { id, name, workerId, attempt, status };
    });
  }

  /** From these workers, and from those that are not registered. */
  private async takeOver(gone: string[], expired: string[]) {
    const rescued = await this.database.rescue(gone, expired);
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
