import type { ReserveRequest } from '../../../../core/backend.js';
import type { ReservedTask } from '../../../../core/task.js';
import { LeaseLostError } from '../../../../errors/lease-lost.error.js';
import { stranger } from '../stranger.js';
import { Holdings } from './holdings.js';
import { Lanes, type Lane, type LaneEntry } from './lanes.js';
import { mayBeDone } from './may-be-done.js';
import { Pace } from './pace.js';
import type { ServerClock } from './server-clock.js';
import type {
  ClaimedTask,
  ClaimOrder,
  Ended,
  ServerDatabase,
  Settlement,
} from './server-database.js';
import type { ServerReads } from './server-reads.js';

/** Attempts where the request does not say. */
const DEFAULT_MAX_ATTEMPTS = 3;
/** How often to survey while claims always find enough, in ms. */
const SURVEY_INTERVAL = 1000;
/** Up to so many ms a survey is cheap enough before a claim says that there is nothing... */
const CHEAP_TO_FIND = 100;
/** ...and before a worker rests, which does it after nearly every claim. */
const CHEAP_TO_REST = 2;
/** A reply that took longer may come after the lease of what it hands out, in ms. */
const LATE = 1000;
/** A survey younger than that needs no repetition to tell the next eta, in ms. */
const FRESH = 20;

type Survey = Awaited<ReturnType<ServerReads['survey']>>;

/** Claims tasks for the workers of this process. */
export class Claims {
  readonly lanes = new Lanes();
  readonly holdings = new Holdings();
  /** Workers registered through this backend: for these, a missing row means a lost lease. */
  readonly registered = new Set<string>();

  private surveying: Promise<Survey> | undefined;
  private readonly surveys = new Pace();
  /** Of the clock, as far as the lanes go by them. */
  private jumps = 0;
  /** Whether a wake-up came since the last survey... */
  private stale = true;
  /** ...of tasks that may wait before the places where claims begin. */
  private behind = false;

  constructor(
    private readonly database: ServerDatabase,
    private readonly clock: ServerClock,
  ) {}

  /**
   * Others may have enqueued something.
   *
   * @param again whether some of it had a worker before: only a survey finds it.
   */
  wake(again: boolean): void {
    this.stale = true;
    this.behind ||= again;
    this.lanes.rung();
  }

  /** Looks at all lanes. */
  survey(): Promise<Survey> {
    this.surveying ??= this.surveyOnce().finally(() => (this.surveying = undefined));
    return this.surveying;
  }

  /** This process enqueued tasks, or gave them back. */
  added(tasks: readonly LaneEntry[]): void {
    const now = this.clock.now();
    let head: LaneEntry | undefined;
    for (const task of tasks) {
      if (head && isBehind(task, head)) continue;
      head = task;
      this.lanes.added(task, now);
    }
  }

  /**
   * Settles and claims. What was settled is known even where nothing could be claimed.
   *
   * @throws LeaseLostError when the worker's registration was taken away.
   */
  async claim(
    workerId: string,
    request: ReserveRequest,
    settlements: readonly Settlement[],
    onSettled: (ended: Ended) => Promise<void>,
  ): Promise<ReservedTask[]> {
    const settle = async () => {
      if (settlements.length > 0) await onSettled(await this.database.settle(settlements));
    };
    const found = await this.recover(workerId, request.maxTasks ?? 1);
    if (found.length > 0) {
      await this.beforeHandingOut(workerId, found, settle);
      return found;
    }
    if (this.surveys.endedAt === -Infinity) await this.survey();
    let lanes = this.candidates(request);
    if (lanes.length === 0) await settle();
    let tasks = await this.take(workerId, request, lanes, settlements, onSettled);
    if (tasks.length === 0 && this.surveys.allows(CHEAP_TO_FIND)) {
      await this.survey();
      lanes = this.candidates(request);
      tasks = await this.take(workerId, request, lanes);
      if (tasks.length === 0 && lanes.length > 0) {
        await this.checkRegistration(workerId);
        tasks = await this.take(workerId, request, lanes);
      }
    } else {
      this.surveyNowAndThen();
    }
    return tasks;
  }

  /**
   * This worker had lost its registration and let go of all its runs. What could not be handed on
   * runs on it still, and is looked for.
   */
  startOver(workerId: string, left: readonly ClaimedTask[]): void {
    this.letGo(workerId, left);
  }

  /** The earliest eta of a task that this request may take, past or ahead. */
  async nextEta(request: ReserveRequest): Promise<number | null> {
    const fresh = !this.stale && performance.now() - this.surveys.endedAt < FRESH;
    if (!fresh && this.surveys.allows(CHEAP_TO_REST)) await this.survey();
    return this.lanes.nextEta(request);
  }

  /** The ids of what a claim would hand out, from lanes that are known as of now. */
  async peek(request: ReserveRequest): Promise<string[]> {
    const { now, heads } = await this.database.reads.survey();
    this.clock.hear(now);
    const known = new Lanes();
    known.surveyed(heads, now);
    const lanes = known.candidates(request, now);
    return lanes.length === 0 ? [] : this.database.reads.peek(orderOf(request, lanes));
  }

  private candidates(request: ReserveRequest): Lane[] {
    return this.lanes.candidates(request, this.clock.now());
  }

  private async take(
    workerId: string,
    request: ReserveRequest,
    lanes: readonly Lane[],
    settlements: readonly Settlement[] = [],
    onSettled?: (ended: Ended) => Promise<void>,
  ): Promise<ClaimedTask[]> {
    if (lanes.length === 0) return [];
    const order = { workerId, ...orderOf(request, lanes) };
    const began = performance.now();
    let done: Ended = [];
    const claiming = this.holdings.claim(async () => {
      const { ended, tasks } = await this.database.claim(order, settlements);
      done = ended;
      return tasks;
    });
    claiming.catch((error: unknown) => {
      if (mayBeDone(this.database, error)) this.holdings.doubt(workerId);
    });
    const taken = await claiming;
    taken.sort((a, b) => b.priority - a.priority || a.eta - b.eta || a.seq - b.seq);
    this.lanes.claimed(order, taken, this.clock.now());
    await this.beforeHandingOut(workerId, taken, async () => {
      if (settlements.length > 0) await onSettled?.(done);
    });
    return performance.now() - began < LATE ? taken : this.stillHeld(workerId, taken);
  }

  /** This process stood still, or the network did: some of it may be another worker's by now. */
  private async stillHeld(workerId: string, tasks: readonly ClaimedTask[]): Promise<ClaimedTask[]> {
    this.letGo(workerId, tasks);
    return tasks.length === 0 ? [] : this.recover(workerId, tasks.length);
  }

  private recover(workerId: string, most: number): Promise<ClaimedTask[]> {
    return this.holdings.recover(workerId, most, () => this.database.reads.findHeld(workerId));
  }

  /** What comes between the claim and the worker. When it fails the worker knows nothing of them. */
  private async beforeHandingOut(
    workerId: string,
    tasks: readonly ClaimedTask[],
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.letGo(workerId, tasks);
      throw error;
    }
  }

  /** As if the reply had not come: what this worker holds is looked for. */
  private letGo(workerId: string, tasks: readonly ClaimedTask[]): void {
    for (const { id, lease } of tasks) this.holdings.release(id, lease);
    this.holdings.doubt(workerId);
  }

  /**
   * A claim needs a registration that holds, else the next sweep would take the task away again.
   * One that ran out unnoticed is extended; one that was taken away is a lost lease.
   */
  private async checkRegistration(workerId: string): Promise<void> {
    if (await this.database.extend(workerId)) return;
    if (this.registered.has(workerId)) throw new LeaseLostError(workerId);
    const { worker, beat } = stranger(workerId);
    await this.database.register(worker, beat);
  }

  /** Beside the claims, which do not wait for it. */
  private surveyNowAndThen(): void {
    const { surveys } = this;
    const isDue = this.behind
      ? surveys.allows(CHEAP_TO_REST, 1)
      : performance.now() - surveys.endedAt >= SURVEY_INTERVAL && surveys.allows(CHEAP_TO_REST);
    if (!isDue) return;
    this.survey().catch(() => undefined); // the claims will say what is wrong
  }

  private async surveyOnce(): Promise<Survey> {
    const began = this.clock.now();
    this.stale = false;
    this.behind = false;
    const survey = await this.database.reads.survey();
    this.surveys.ended(survey.took);
    this.clock.hear(survey.now);
    const hasJumped = this.clock.jumps !== this.jumps;
    // Places and times of before mean nothing any more.
    if (hasJumped) this.lanes.clear();
    this.jumps = this.clock.jumps;
    this.lanes.surveyed(survey.heads, hasJumped ? survey.now : began);
    return survey;
  }
}

function orderOf(request: ReserveRequest, lanes: readonly Lane[]): Omit<ClaimOrder, 'workerId'> {
  return {
    most: request.maxTasks ?? 1,
    lanes: lanes.map((lane) => ordered(lane, request)),
  };
}

function ordered(lane: Lane, { handlers }: ReserveRequest): ClaimOrder['lanes'][number] {
  const { queue, name, priority, from } = lane;
  const { free = Infinity, maxAttempts = DEFAULT_MAX_ATTEMPTS } = handlers?.get(name) ?? {};
  return { queue, name, priority, from, maxAttempts, room: Math.min(free, 1_000_000) };
}

/** Whether it tells nothing about their lane that the other one does not. */
function isBehind(task: LaneEntry, other: LaneEntry): boolean {
  const { queue, name, priority, eta } = other;
  return (
    task.eta >= eta && task.name === name && task.queue === queue && task.priority === priority
  );
}
