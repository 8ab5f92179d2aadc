import type { ReserveRequest } from '../../../../core/backend.js';
import { roomFor } from '../../../../core/room-for.js';
import type { ClaimOrder, LaneHead, Place } from './server-database.js';

/** A task of a lane, wherever it stands in it. */
export type LaneEntry = Omit<LaneHead, 'seq'>;

/** What this process knows of a lane. */
export interface Lane {
  readonly queue: string;
  readonly name: string;
  readonly priority: number;
  /** Nothing that waits comes before this place, but for what becomes visible late. */
  from: Place;
  /** When the next task of the lane may start, as far as is known. */
  readyAt: number;
  /** When a task was last seen in it. */
  seenAt: number;
}

/** How long a commit may take to become visible, in ms: places younger than that are not skipped. */
const LAG = 1000;
/** How far the clock may be off, in ms: the database has the last word. */
const TOLERANCE = 10;
/** Lanes per claim; beyond that the order is kept among these, which come first as far as is known. */
const MOST_LANES = 500;
/** How long an empty lane is remembered, in ms, and how many of them. */
const MEMORY = 60_000;
const MOST_EMPTY = 200;
const START: Place = { eta: -(2 ** 63), seq: 0 };

/**
 * The lanes of a database, as this process knows them: a claim asks for the lanes that may have
 * something, each from the place where it may begin. So a claim neither walks over what other
 * handlers left waiting, nor over the dead rows of what was claimed before, which a server keeps
 * for as long as some old transaction could still see them.
 *
 * All of it is a hint for speed. A survey of the database corrects it.
 */
export class Lanes {
  private readonly known = new Map<string, Lane>();

  /**
   * The lanes to claim from, best first. Where each begins is a lower bound only: which lanes hold
   * the next tasks is for the database to say.
   */
  candidates(request: ReserveRequest, now: number): Lane[] {
    const isWanted = wanting(request);
    let lanes: Lane[] = [];
    for (const lane of this.known.values()) {
      if (lane.readyAt > now + TOLERANCE || !isWanted(lane)) continue;
      lanes.push(lane);
      // Of thousands those that come first, without sorting them all.
      if (lanes.length === 2 * MOST_LANES) lanes = first(lanes);
    }
    return first(lanes);
  }

  /** The next instant at which a lane of this request has something, as far as is known. */
  nextEta(request: ReserveRequest): number | null {
    const isWanted = wanting(request);
    let next = Infinity;
    for (const lane of this.known.values()) {
      if (lane.readyAt < next && isWanted(lane)) next = lane.readyAt;
    }
    return next === Infinity ? null : next;
  }

  /** This process enqueued a task, or gave one back. */
  added(task: LaneEntry, now: number): void {
    const lane = this.lane(task);
    const place = { eta: task.eta, seq: 0 };
    if (comparePlaces(place, lane.from) < 0) lane.from = place;
    lane.readyAt = Math.min(lane.readyAt, task.eta);
    lane.seenAt = now;
  }

  /** Another process may have enqueued something: lanes that were empty are worth a look. */
  rung(): void {
    for (const lane of this.known.values()) if (lane.readyAt === Infinity) lane.readyAt = 0;
  }

  /** What a claim of `most` tasks took. A lane that gave less than there was room for is empty. */
  claimed({ lanes, most }: ClaimOrder, tasks: readonly LaneHead[], now: number): void {
    const taken = new Map<string, number>();
    for (const task of tasks) {
      taken.set(task.name, (taken.get(task.name) ?? 0) + 1);
      const lane = this.lane(task);
      lane.seenAt = now;
      if (task.eta < now - LAG && comparePlaces(task, lane.from) >= 0) {
        lane.from = { eta: task.eta, seq: task.seq + 1 };
      }
    }
    if (tasks.length >= most) return;
    for (const asked of lanes) {
      const got = taken.get(asked.name) ?? 0;
      if (got >= asked.room) continue;
      const lane = this.lane(asked);
      // By the database's clock its task was not yet to start: asked again, a moment later.
      const isEarly = got === 0 && lane.readyAt > now - TOLERANCE;
      if (!isEarly) lane.readyAt = Infinity;
    }
  }

  /** Every lane there is, with its head, as of an instant. */
  surveyed(heads: readonly LaneHead[], asOf: number): void {
    const sure: Place = { eta: asOf - LAG, seq: 0 };
    for (const lane of this.known.values()) {
      if (lane.seenAt > asOf) continue; // enqueued since
      lane.readyAt = Infinity;
      lane.from = sure;
    }
    for (const head of heads) {
      const lane = this.lane(head);
      lane.from = comparePlaces(head, sure) < 0 ? { eta: head.eta, seq: head.seq } : sure;
      lane.readyAt = Math.min(lane.seenAt > asOf ? lane.readyAt : Infinity, head.eta);
      lane.seenAt = Math.max(lane.seenAt, asOf);
    }
    this.forgetEmpty(asOf);
  }

  clear(): void {
    this.known.clear();
  }

  private forgetEmpty(now: number): void {
    const empty = [...this.known].filter(([, lane]) => lane.readyAt === Infinity);
    empty.sort(([, a], [, b]) => b.seenAt - a.seenAt);
    empty.forEach(([key, { seenAt }], i) => {
      if (i >= MOST_EMPTY || seenAt < now - MEMORY) this.known.delete(key);
    });
  }

  private lane({ queue, name, priority }: Pick<Lane, 'queue' | 'name' | 'priority'>): Lane {
    const key = `${priority}\n${queue}\n${name}`;
    let lane = this.known.get(key);
    if (!lane) {
      lane = { queue, name, priority, from: START, readyAt: Infinity, seenAt: 0 };
      this.known.set(key, lane);
    }
    return lane;
  }
}

/** Whether a lane has tasks for this request: a list of queues may be as long as that of lanes. */
function wanting({ handlers, queues }: ReserveRequest): (lane: Lane) => boolean {
  const listed = queues && new Set(queues);
  return ({ queue, name }) =>
    (listed?.has(queue) ?? true) && roomFor({ handlers }, queue, name) > 0;
}

function first(lanes: Lane[]): Lane[] {
  lanes.sort((a, b) => b.priority - a.priority || comparePlaces(a.from, b.from));
  return lanes.slice(0, MOST_LANES);
}

function comparePlaces(a: Place, b: Place): number {
  return a.eta - b.eta || a.seq - b.seq;
}
