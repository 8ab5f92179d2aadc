import type { ReservedTask } from '../../../../core/task.js';
import { BackendError } from '../../../../errors/backend.error.js';
import { SitqError } from '../../../../errors/sitq.error.js';
import { refusedWrite } from '../../refused-write.js';
import { takenId } from '../../taken-id.js';
import type { WriteBatch, WriteKind, WriteKinds, WriteOf } from '../../write-batch.js';
import type { Claims } from './claims.js';
import { keyOf } from './lease-key.js';
import { mayBeDone } from './may-be-done.js';
import { portions } from './portions.js';
import { Registrations } from './registrations.js';
import type {
  Ended,
  Requeue,
  Requeued,
  ServerDatabase,
  Settlement,
  StoredOutcome,
  TaskReport,
} from './server-database.js';

/** Characters of payload or result per statement. */
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** What is common to writes of every kind. */
interface Decision {
  readonly decided: boolean;
  refuse(error: Error): void;
}

/**
 * Applies the writes of a batch, kind by kind, as sets: each set is a transaction of its own, and
 * what it decided stands. A batch that is given again goes on where it failed; a write that may
 * have been done without a reply coming back is recognised by what it left.
 */
export class ServerWrites {
  /** Ends of runs that may be stored although no reply came, as task and lease. */
  private readonly unsure = new Set<string>();
  private readonly workers: Registrations;
  /** Reports on their way. */
  private reporting: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: ServerDatabase,
    private readonly claims: Claims,
  ) {
    this.workers = new Registrations(database, claims);
  }

  async apply(batch: WriteBatch): Promise<void> {
    await this.reportInTime(batch);
    const claim = batch.claim.find((write) => !write.decided);
    // The first claim shares its transaction with what was settled.
    if (claim) await this.settleAndClaim(batch.settle, claim);
    else await this.together(batch.settle, (writes) => this.settle(writes));
    await this.together(requeues(batch), (writes) => this.requeue(writes));
    for (const write of others(batch)) await this.together([write], () => this.change(write));
    await this.together(batch.cancel, (writes) => this.cancel(writes));
    await this.insert(batch.insert);
    await this.each(batch.register, (input) => this.workers.register(input));
    await this.each(batch.renew, (input) => this.workers.renew(input));
    for (const write of batch.rescue) await this.together([write], () => this.tryRescue(write));
    await this.each(batch.prune, this.prune);
    for (const write of batch.claim) {
      if (!write.decided) await this.settleAndClaim([], write);
    }
    await this.each(batch.retire, (id) => this.workers.retire(id));
    // Nobody is told that something is stored which no step has stored.
    for (const write of batch.all()) if (!write.decided) write.refuse(forgotten());
  }

  /** A run that another batch ends must have reported before: then it still holds its lease. */
  private async reportInTime({ report }: WriteBatch): Promise<void> {
    const own = this.together(report, (writes) => this.report(writes));
    this.reporting = Promise.allSettled([this.reporting, own]);
    await own;
    await this.reporting;
  }

  private async each<K extends WriteKind>(
    writes: readonly WriteOf<K>[],
    perform: (input: WriteKinds[K]['input']) => Promise<WriteKinds[K]['outcome']>,
  ): Promise<void> {
    for (const write of writes) {
      await this.together([write], async () => write.succeed(await perform(write.input)));
    }
  }

  /** Where a set is refused because of one of its writes, each is tried alone. */
  private async together<W extends Decision>(
    writes: readonly W[],
    perform: (writes: W[]) => Promise<void>,
  ): Promise<void> {
    const open = writes.filter((write) => !write.decided);
    if (open.length === 0) return;
    try {
      await perform(open);
    } catch (error) {
      if (!this.database.isMistake(error)) throw error;
      if (open.length === 1) open[0]!.refuse(this.database.toBackendError(error));
      else for (const write of open) await this.together([write], perform);
    }
  }

  private async insert(writes: WriteOf<'insert'>[]): Promise<void> {
    const singles = writes.filter((write) => write.input.length === 1);
    const size = (write: WriteOf<'insert'>) => write.input[0]!.payload.length;
    for (const portion of portions(singles, size, MOST_CHARACTERS)) {
      await this.together(portion, async (open) => {
        const tasks = open.map((write) => write.input[0]!);
        const refused = new Set(await this.database.insert(tasks, false));
        open.forEach((write, i) => this.inserted(write, refused.has(i) ? tasks[i]!.id : undefined));
      });
    }
    for (const write of writes) {
      if (write.input.length === 1) continue;
      await this.together([write], async () => {
        const [refused] = await this.database.insert(write.input, true);
        this.inserted(write, refused === undefined ? undefined : write.input[refused]!.id);
      });
    }
  }

  private inserted(write: WriteOf<'insert'>, refusedId: string | undefined): void {
    if (refusedId === undefined) {
      this.claims.added(write.input);
      write.succeed();
      return;
    }
    write.refuse(takenId(refusedId));
  }

  private async settleAndClaim(
    settles: WriteOf<'settle'>[],
    claim: WriteOf<'claim'>,
  ): Promise<void> {
    const size = (write: WriteOf<'settle'>) => settlementOf(write).result?.length ?? 0;
    const open = settles.filter((write) => !write.decided);
    const [last = [], ...first] = portions(open, size, MOST_CHARACTERS).toReversed();
    for (const portion of first) await this.together(portion, (writes) => this.settle(writes));
    const { workerId, request } = claim.input;
    try {
      const settlements = last.map(settlementOf);
      const tasks: ReservedTask[] = await this.noting(settlements, () =>
        this.claims.claim(workerId, request, settlements, (ended) => this.settled(last, ended)),
      );
      claim.succeed(tasks);
    } catch (error) {
      if (this.database.isOutage(error) || this.database.isConflict(error)) throw error;
      if (last.some((write) => !write.decided)) {
        // Whichever of the two is at fault: the other one must not go with it.
        await this.together(last, (writes) => this.settle(writes));
        await this.settleAndClaim([], claim);
      } else {
        claim.refuse(error instanceof SitqError ? error : this.database.toBackendError(error));
      }
    }
  }

  private async settle(writes: WriteOf<'settle'>[]): Promise<void> {
    const size = (write: WriteOf<'settle'>) => settlementOf(write).result?.length ?? 0;
    for (const portion of portions(writes, size, MOST_CHARACTERS)) {
      const settlements = portion.map(settlementOf);
      await this.noting(settlements, async () =>
        this.settled(portion, await this.database.settle(settlements)),
      );
    }
  }

  /**
   * Remembers which ends of runs may have been stored although the reply was lost, or what became of
   * the others could not be looked up.
   */
  private async noting<T>(
    ends: readonly { id: string; lease: number }[],
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (mayBeDone(this.database, error)) for (const end of ends) this.unsure.add(keyOf(end));
      throw error;
    }
  }

  /** Those that changed nothing lost their lease, or repeat what was done without a reply. */
  private async settled(writes: readonly WriteOf<'settle'>[], ended: Ended): Promise<void> {
    const left = ended && new Set(ended);
    const open = writes.filter((write) => left && !left.delete(keyOf(settlementOf(write))));
    const stored = await this.outcomesOf(open.map(settlementOf));
    const missed: WriteOf<'settle'>[] = [];
    for (const write of open) {
      const settlement = settlementOf(write);
      const outcome = stored.get(settlement.id);
      if (isHeld(outcome, settlement)) missed.push(write);
      else if (!this.unsure.has(keyOf(settlement)) || !isSame(outcome, settlement)) {
        write.refuse(refusedWrite(settlement.id, outcome !== undefined, settlement.lease));
      }
    }
    for (const write of writes) {
      const settlement = settlementOf(write);
      if (missed.includes(write)) continue;
      this.claims.holdings.release(settlement.id, settlement.lease);
      this.unsure.delete(keyOf(settlement));
      if (!write.decided) write.succeed();
    }
    if (missed.length > 0) await this.settle(missed);
  }

  private async outcomesOf(tasks: readonly { id: string }[]): Promise<Map<string, StoredOutcome>> {
    const ids = tasks.map(({ id }) => id);
    const outcomes = ids.length > 0 ? await this.database.reads.findOutcomes(ids) : [];
    return new Map(outcomes.map((outcome) => [outcome.id, outcome]));
  }

  private async requeue(writes: WriteOf<'change'>[]): Promise<void> {
    const wanted = writes.map(requeueOf);
    const missed = await this.noting(wanted, async () =>
      this.requeued(writes, wanted, await this.database.requeue(wanted)),
    );
    if (missed.length > 0) await this.requeue(missed);
  }

  /** @returns those that are to be tried once more. */
  private async requeued(
    writes: readonly WriteOf<'change'>[],
    wanted: readonly Requeue[],
    changed: readonly Requeued[],
  ): Promise<WriteOf<'change'>[]> {
    this.claims.added(changed.filter(({ status }) => status === 'queued'));
    const done = new Set(changed.map(({ id }) => id));
    const stored = await this.outcomesOf(wanted.filter(({ id }) => !done.has(id)));
    const missed: WriteOf<'change'>[] = [];
    writes.forEach((write, i) => {
      const requeue = wanted[i]!;
      const { id, lease } = requeue;
      const left = stored.get(id);
      if (isHeld(left, requeue)) return missed.push(write);
      this.claims.holdings.release(id, lease);
      const repeated = this.unsure.delete(keyOf(requeue));
      if (done.delete(id)) return write.succeed();
      if (repeated && left && hasGoneBack(left, requeue)) {
        this.claims.wake(true); // it may wait in a lane that only a look tells
        return write.succeed();
      }
      return write.refuse(refusedWrite(id, left !== undefined, lease));
    });
    return missed;
  }

  /** A change without a lease, or the end of a run as cancelled. */
  private async change(write: WriteOf<'change'>): Promise<void> {
    const { taskId, status, change } = write.input;
    const { lease, eta = null } = change;
    const error = change.error ? JSON.stringify(change.error) : null;
    let done: boolean;
    if (lease !== undefined) {
      const settlement = { id: taskId, lease, status: 'cancelled', result: null, error } as const;
      done = (await this.database.settle([settlement])) === null;
      if (done) this.claims.holdings.release(taskId, lease);
    } else if (status === 'cancelled') {
      done = await this.database.cancelWaiting(taskId);
    } else {
      const head = await this.database.reschedule(taskId, eta, error);
      done = head !== null;
      if (head) this.claims.added([head]);
    }
    if (done) return write.succeed();
    const [stored] = await this.database.reads.findOutcomes([taskId]);
    write.refuse(refusedWrite(taskId, stored !== undefined, lease, status));
  }

  private async cancel(writes: WriteOf<'cancel'>[]): Promise<void> {
    const states = await this.database.cancel([...new Set(writes.map((write) => write.input))]);
    for (const write of writes) write.succeed(states.get(write.input) ?? null);
  }

  private async report(writes: WriteOf<'report'>[]): Promise<void> {
    const reports = new Map<string, TaskReport>();
    for (const { input } of writes) {
      const { lease, progress, lines = [] } = input.report;
      const key = keyOf({ id: input.taskId, lease });
      const before = reports.get(key);
      reports.set(key, {
        id: input.taskId,
        lease,
        progress: progress ?? before?.progress ?? null,
        lines: [...(before?.lines ?? []), ...lines],
      });
    }
    const held = await this.database.report([...reports.values()]);
    const lost = writes.filter(
      ({ input }) => !held.has(keyOf({ id: input.taskId, lease: input.report.lease })),
    );
    const stored = await this.outcomesOf(lost.map(({ input }) => ({ id: input.taskId })));
    for (const write of lost) {
      const { taskId, report } = write.input;
      write.refuse(refusedWrite(taskId, stored.has(taskId), report.lease));
    }
    for (const write of writes) if (!write.decided) write.succeed();
  }

  /**
   * Not again after an outage: by then the registrations of all workers may have run out, and
   * those that are alive must have the time to renew them.
   */
  private async tryRescue(write: WriteOf<'rescue'>): Promise<void> {
    try {
      write.succeed(await this.workers.rescue(write.input));
    } catch (error) {
      if (!this.database.isOutage(error)) throw error;
      write.refuse(this.database.toBackendError(error));
    }
  }

  private readonly prune = async ({
    endedBefore,
    most,
  }: WriteOf<'prune'>['input']): Promise<number> => {
    let removed = 0;
    for (const [status, limit] of Object.entries(endedBefore)) {
      const state = status as keyof typeof endedBefore;
      if (removed < most) removed += await this.database.prune(state, limit, most - removed);
    }
    return removed;
  };
}

function forgotten(): BackendError {
  return new BackendError('The write was not done; it may be tried again.', { transient: true });
}

function isRequeue({ input: { status, change } }: WriteOf<'change'>): boolean {
  return status === 'queued' && change.lease !== undefined;
}

function requeues({ change }: WriteBatch): WriteOf<'change'>[] {
  return change.filter(isRequeue);
}

function others({ change }: WriteBatch): WriteOf<'change'>[] {
  return change.filter((write) => !isRequeue(write));
}

function settlementOf({ input: { taskId: id, result } }: WriteOf<'settle'>): Settlement {
  const { lease } = result;
  if (result.status === 'success') {
    return { id, lease, status: 'completed', result: result.value, error: null };
  }
  const error = result.error ? JSON.stringify(result.error) : null;
  return { id, lease, status: result.status, result: null, error };
}

function requeueOf({ input: { taskId, change } }: WriteOf<'change'>): Requeue {
  const { lease, eta = null, giveBack = false, error } = change;
  return { id: taskId, lease: lease!, giveBack, eta, error: error ? JSON.stringify(error) : null };
}

function isSame(stored: StoredOutcome | undefined, wanted: Settlement): boolean {
  const { lease, status, result, error } = wanted;
  return (
    stored?.lease === lease &&
    stored.status === status &&
    stored.result === result &&
    stored.error === error
  );
}

/** Somebody, such as one who wants it cancelled, changed the row at the same moment: once more. */
function isHeld(stored: StoredOutcome | undefined, { lease }: { lease: number }): boolean {
  return stored?.lease === lease && stored.status === 'running';
}

/**
 * Whether the row is what such a write, done without a reply, leaves: also when the next attempt
 * has begun before it was repeated. A rescue would have left an error of its own.
 */
function hasGoneBack(left: StoredOutcome, { lease, error }: Requeue): boolean {
  if (left.lease === lease) return left.status === 'queued' || left.status === 'cancelled';
  return left.lease > lease && (error === null || left.error === error);
}
