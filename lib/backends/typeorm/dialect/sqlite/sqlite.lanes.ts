import type { ReserveRequest } from '../../../../core/backend.js';
import { roomFor } from '../../../../core/room-for.js';
import type { Lane, SqliteStatements } from './sqlite.statements.js';

/** Steps of a look: more would hold up the event loop, and with it the application. */
const MOST_STEPS = 500;

/** Below every priority, also below what is none. */
const LOWEST = -Infinity;

/** Where a look begins: at which of the queues of its request, and from where on there. */
interface Place {
  readonly list: number;
  readonly from?: readonly [queue: string, name: string, priority: number];
}

const START: Place = { list: 0 };

/** What a worker has seen of so many lanes that one look does not see them all. */
interface Round {
  place: Place;
  /** As of when; another one means that there may be something new behind the place. */
  version: string;
  /** Whether the round has come to its end and found nothing to do. */
  isOver: boolean;
  nextEta: number | null;
}

/**
 * The lanes that have tasks. The index is walked from lane to lane, so that what a worker cannot
 * take is stepped over as a whole however much of it there is. Where there are more lanes than
 * a look may step to, the next one goes on where the last one ended.
 */
export class SqliteLanes {
  private readonly rounds = new WeakMap<object, Round>();
  private changes = 0;

  constructor(private readonly statements: SqliteStatements) {}

  /** This connection has made tasks wait. */
  changed(): void {
    this.changes += 1;
  }

  /** Every lane, however many. */
  all(request: ReserveRequest): Lane[] {
    const lanes: Lane[] = [];
    this.walk(request, START, Infinity, (lane) => void lanes.push(lane));
    return lanes;
  }

  /** The lanes of the next look that have something to do now. */
  look(request: ReserveRequest, now: number): Lane[] {
    const lanes: Lane[] = [];
    this.go(request, now, (lane) => void lanes.push(lane));
    return lanes;
  }

  /** Whether that look would find something. If not, it has been had. */
  isAnythingReady(request: ReserveRequest, now: number): boolean {
    return this.go(request, now, () => true) === 'stopped';
  }

  /** The earliest eta of a lane, past or ahead; now, as long as there are lanes to look at. */
  nextEta(request: ReserveRequest, now: number): number | null {
    const round = this.rounds.get(keyOf(request));
    if (round) return round.isOver ? round.nextEta : now;
    let next: number | null = null;
    const end = this.walk(request, START, MOST_STEPS, (lane) => {
      const eta = dueAt(lane);
      if (next === null || eta < next) next = eta;
    });
    return end === null || end === 'stopped' ? next : now;
  }

  /** One look. @param onReady of each lane with something to do; true stops, as if not looked. */
  private go(
    request: ReserveRequest,
    now: number,
    onReady: (lane: Lane) => boolean | void,
  ): Place | 'stopped' | null {
    const key = keyOf(request);
    const round = this.rounds.get(key);
    const place = round && !round.isOver ? round.place : START;
    let isQuiet = true;
    let nextEta = place === START ? null : round!.nextEta;
    const end = this.walk(request, place, MOST_STEPS, (lane) => {
      const eta = dueAt(lane);
      if (nextEta === null || eta < nextEta) nextEta = eta;
      if (eta > now) return undefined;
      isQuiet = false;
      return onReady(lane);
    });
    if (end === 'stopped') return end;
    if (end === null && place === START) this.rounds.delete(key);
    else this.goOn(key, { place: end ?? START, nextEta, isQuiet }, place === START);
    return end;
  }

  private goOn(
    key: object,
    { place, nextEta, isQuiet }: Pick<Round, 'place' | 'nextEta'> & { isQuiet: boolean },
    begins: boolean,
  ): void {
    const version = `${this.statements.dataVersion.get()} ${this.changes}`;
    const before = begins ? version : this.rounds.get(key)!.version;
    // What was found, or has come since, may be followed by more: then there is another round.
    const isOver = place === START && isQuiet && before === version;
    this.rounds.set(key, { place, nextEta, isOver, version: isQuiet ? before : '' });
  }

  /**
   * Each step seeks to the first entry that can belong to another lane: `>` would walk through the
   * rest of the last one.
   *
   * @returns where it has come to; null at the end.
   */
  private walk(
    request: ReserveRequest,
    place: Place,
    most: number,
    onLane: (lane: Lane) => boolean | void,
  ): Place | 'stopped' | null {
    const { handlers, queues = [null] } = request;
    let steps = 0;
    for (let list = place.list; list < queues.length; list += 1) {
      const queue = queues[list]!;
      let from = (list === place.list && place.from) || ([queue ?? '', '', LOWEST] as const);
      for (;;) {
        if (steps === most) return { list, from };
        steps += 1;
        const lane = this.statements.nextLane.get(...from);
        if (!lane || (queue !== null && lane[0] !== queue)) break;
        const isWanted = roomFor({ handlers }, lane[0], lane[1]) > 0;
        if (isWanted && onLane(lane)) return 'stopped';
        const next = after(lane, isWanted);
        if (!next) break;
        from = next;
      }
    }
    return null;
  }
}

/** When the first of a lane is due. Text or bytes, which are behind every number, are at once. */
export function dueAt([, , , eta]: Lane): number {
  return typeof eta === 'number' ? eta : -Infinity;
}

/** Whether its priority and the eta of its head are numbers as we write them. */
export function isNumbered([, , priority, eta]: Lane): boolean {
  return Number.isSafeInteger(priority) && typeof eta === 'number';
}

/**
 * The first place that can belong to another lane; null where there is none. Columns of SQLite may
 * hold anything: a priority that has no next one is stepped over with its handler, a name that is
 * no text with its queue. Their tasks are seen when they are the first.
 */
function after(
  [queue, name, priority]: Lane,
  isWanted: boolean,
): readonly [string, string, number] | null {
  if (isWanted && typeof priority === 'number' && priority < Number.MAX_SAFE_INTEGER) {
    return [queue, name, Math.max(Math.floor(priority), Number.MIN_SAFE_INTEGER) + 1];
  }
  if (typeof name === 'string') return [queue, `${name}\0`, LOWEST];
  return typeof queue === 'string' ? [`${queue}\0`, '', LOWEST] : null;
}

/** A worker's capacities are the same object at each of its requests. */
function keyOf({ handlers, queues }: ReserveRequest): object {
  return handlers ?? queues ?? START;
}
