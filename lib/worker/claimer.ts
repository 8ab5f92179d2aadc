import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Backend, ReserveRequest } from '../core/backend.js';
import { isWakingBackend } from '../core/capabilities/waking-backend.js';
import type { Clock } from '../core/clock.js';
import type { ReservedTask } from '../core/task.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { Bell } from './bell.js';
import { Courtesy } from './courtesy.js';
import { Lookahead } from './lookahead.js';
import type { OutageLog } from './outage-log.js';
import type { Slots } from './slots.js';
import type { WorkerSettings } from './worker-settings.js';

/** From so many slots on a claim takes half of them at most... */
const MANY_SLOTS = 100;
/** ...or so many. */
const MOST_PER_CLAIM = 500;
/** At most so many times the slots are claimed ahead. */
const MOST_AHEAD = 2;
/** So many handlers begin in one turn of the event loop... */
const MOST_AT_ONCE = 50;
/** How often to try when the store cannot be used, in ms; with a short poll interval more often. */
const OUTAGE_INTERVAL = 1000;

const CLAIM = 'claim tasks';

/** What a claimer works with. */
export interface ClaimerParts {
  readonly backend: Backend;
  readonly workerId: string;
  readonly slots: Slots;
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly outages: OutageLog;
  readonly onTask: (task: ReservedTask) => void;
  /** The registration was taken away: a claim needs another. */
  readonly onLeaseLost: () => Promise<void>;
  readonly onRest: () => void;
}

/**
 * Claims tasks for the free slots of a worker, and a few ahead where they are soon over. A full
 * batch is followed by the next claim at once; otherwise it rests until a wake-up, the next eta
 * or the poll interval, whichever comes first.
 */
export class Claimer {
  readonly lookahead: Lookahead;

  private readonly bell = new Bell();
  /** Rings when a claim brought as much as it asked for. */
  private readonly plenty = new Bell();
  private readonly largestClaim: number;
  private readonly mostAtOnce: number;
  private readonly courtesy: Courtesy | undefined;
  /** Slots that claims on their way will fill. */
  private claiming = 0;
  private handingOut = Promise.resolve();
  /** How often the registration was lost. */
  private losses = 0;
  private readonly stopping = new AbortController();
  private loop: Promise<unknown> | undefined;

  constructor(private readonly parts: ClaimerParts) {
    const { concurrency, yieldToApp } = parts.settings;
    // ...but for a store that works inside the event loop: each turn's outcomes are a commit.
    this.mostAtOnce = parts.backend.parallelClaims > 1 ? MOST_AT_ONCE : Infinity;
    if (yieldToApp) this.courtesy = new Courtesy();
    // With many slots the tasks come in two waves, so that one is claimed while the other runs
    // and is settled; and two workers share what there is.
    this.largestClaim = concurrency < MANY_SLOTS ? concurrency : Math.ceil(concurrency / 2);
    const most = Math.min(MOST_PER_CLAIM, MOST_AHEAD * concurrency);
    this.lookahead = new Lookahead(yieldToApp || this.isLimited() ? 0 : most);
  }

  start(): void {
    const { backend, settings } = this.parts;
    this.courtesy?.start();
    const loops = [this.claimInTurn()];
    const many = settings.concurrency >= MANY_SLOTS && !this.courtesy;
    if (backend.parallelClaims > 1 && many && !this.isLimited()) loops.push(this.claimBeside());
    this.loop = Promise.all(loops);
  }

  /** There may be something to claim, or room for it. */
  wake(): void {
    this.bell.ring();
  }

  /** The registration is lost: what was claimed and has not begun is no longer this worker's. */
  letGo(): void {
    this.losses += 1;
  }

  /** Resolves when the last claim has come. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.courtesy?.stop();
    this.bell.ring();
    await this.loop;
    await this.handingOut;
  }

  /** Whether a handler has a limit, which tasks beyond the free slots could exceed. */
  private isLimited(): boolean {
    const { settings, slots } = this.parts;
    const limits = [...slots.capacities.values()].map(({ free }) => free);
    return limits.some((limit) => limit < settings.concurrency);
  }

  private async claimInTurn(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      if (await this.claimOnce()) this.plenty.ring();
      else await this.rest();
    }
    this.plenty.ring();
  }

  /** As long as there is plenty, a second claim is on its way while the first one's tasks run. */
  private async claimBeside(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      if (!(await this.claimOnce())) await this.plenty.wait(Infinity);
    }
  }

  /** @returns whether as many tasks came as were asked for. */
  private async claimOnce(): Promise<boolean> {
    if (this.courtesy) await this.courtesy.pause();
    const most = Math.min(
      this.wanted(),
      this.largestClaim + this.lookahead.tasks,
      this.courtesy?.most ?? MOST_PER_CLAIM,
      MOST_PER_CLAIM,
    );
    if (most <= 0 || this.stopping.signal.aborted) return false;
    this.claiming += most;
    const began = performance.now();
    const tasks = await this.reserve(most);
    this.lookahead.noteClaim(performance.now() - began);
    this.claiming -= most - tasks.length;
    const { losses } = this;
    this.handingOut = this.handingOut.then(() => this.handOut(tasks, losses));
    return tasks.length === most;
  }

  /** Many handlers that begin at once would hold up whatever else the process does. */
  private async handOut(tasks: readonly ReservedTask[], losses: number): Promise<void> {
    for (const [index, task] of tasks.entries()) {
      if (index > 0 && index % this.mostAtOnce === 0) await nextTurn();
      this.claiming -= 1;
      if (this.losses === losses) this.parts.onTask(task);
    }
  }

  /** Not for every one that has left the line: a claim is cheaper the more it brings. */
  private wanted(): number {
    const { slots } = this.parts;
    const { tasks } = this.lookahead;
    const free = slots.free - slots.waiting - this.claiming;
    return -free > tasks / 2 ? 0 : free + tasks;
  }

  private async reserve(maxTasks: number): Promise<ReservedTask[]> {
    const { backend, onLeaseLost, outages, workerId } = this.parts;
    try {
      const tasks = await backend.reserveTask(workerId, { ...this.request(), maxTasks });
      outages.worked(CLAIM);
      return tasks;
    } catch (error) {
      if (error instanceof LeaseLostError) await onLeaseLost();
      else await this.sitOut(error);
      return [];
    }
  }

  private request(): ReserveRequest {
    const { settings, slots } = this.parts;
    return { queues: settings.queues, handlers: slots.capacities };
  }

  /** However long the poll interval: the end of an outage rings for nobody. */
  private async sitOut(error: unknown): Promise<void> {
    const { outages, settings } = this.parts;
    outages.failed(CLAIM, error);
    const interval = Math.min(OUTAGE_INTERVAL, settings.pollInterval);
    // Nothing else may keep a process alive that does nothing but work.
    const { signal } = this.stopping;
    try {
      await sleep(interval * (0.5 + Math.random()), undefined, { signal });
    } catch {
      // the worker stops
    }
  }

  private async rest(): Promise<void> {
    const { backend, clock, onRest, settings, slots } = this.parts;
    let until = settings.pollInterval;
    if (slots.free > 0 && isWakingBackend(backend)) {
      const eta = await backend.nextEta(this.request()).catch(() => null);
      if (eta !== null) until = Math.min(until, Math.max(1, eta - clock.now()));
    }
    await this.bell.wait(until);
    onRest();
  }
}
