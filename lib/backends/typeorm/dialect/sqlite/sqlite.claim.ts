import type { ReserveRequest } from '../../../../core/backend.js';
import { roomFor } from '../../../../core/room-for.js';
import type { ReservedTask } from '../../../../core/task.js';
import type { Lane, ReadyRow, SqliteStatements } from './sqlite.statements.js';

/** A task that a claim has chosen, before its row is read. */
interface Choice {
  readonly lane: Lane;
  readonly eta: number;
  readonly seq: number;
}

const LOWEST = -32768;
const ABOVE_ALL = 32768;
const DEFAULT_MAX_ATTEMPTS = 3;

/**
 * Chooses tasks in the order priority, eta, enqueue order. The index is walked lane by lane, so
 * that what this worker cannot take (other handlers, other queues, handlers at their concurrency,
 * tasks of the future) is stepped over as a whole however much of it there is. Rows are read of
 * the chosen tasks only: until then the index has it all.
 */
export class SqliteClaim {
  constructor(private readonly statements: SqliteStatements) {}

  claim(workerId: string, request: ReserveRequest, now: number): ReservedTask[] {
    const choices = this.choose(request, request.maxTasks ?? 1, now);
    const rows = new Map<number, ReadyRow>();
    for (const row of this.statements.rows.all(listed(choices))) rows.set(row[0], row);
    for (const [maxAttempts, group] of groupByMaxAttempts(choices, request)) {
      this.statements.claim.run(workerId, now, maxAttempts, listed(group));
    }
    return choices.map(({ lane, seq }) =>
      toReservedTask(lane, rows.get(seq)!, maxAttemptsOf(lane, request)),
    );
  }

  /** The ids of what a claim would hand out. */
  peek(request: ReserveRequest, now: number): string[] {
    const choices = this.choose(request, request.maxTasks ?? 1, now);
    const ids = new Map(this.statements.ids.all(listed(choices)));
    return choices.map(({ seq }) => ids.get(seq)!);
  }

  /** Whether a claim would find anything. Takes no lock. */
  isAnythingReady(request: ReserveRequest, now: number): boolean {
    return this.lanes(request).some(([, , , eta]) => eta <= now);
  }

  /** The earliest eta of a task that this request may take, past or ahead; null without any. */
  nextEta(request: ReserveRequest): number | null {
    let next: number | null = null;
    for (const [, , , eta] of this.lanes(request)) if (next === null || eta < next) next = eta;
    return next;
  }

  private choose(request: ReserveRequest, limit: number, now: number): Choice[] {
    const lanes = this.lanes(request).filter(([, , , eta]) => eta <= now);
    lanes.sort((a, b) => b[2] - a[2] || a[3] - b[3] || a[4] - b[4]);
    const chosen: Choice[] = [];
    const taken = new Map<string, number>();
    for (let i = 0; i < lanes.length && chosen.length < limit;) {
      const first = i;
      while (i < lanes.length && lanes[i]![2] === lanes[first]![2]) i += 1;
      const samePriority = lanes.slice(first, i);
      const room = ([queue, name]: Lane) => roomFor(request, queue, name) - (taken.get(name) ?? 0);
      for (const choice of this.inOrder(samePriority, limit - chosen.length, room, now)) {
        if (chosen.length === limit) break;
        if (room(choice.lane) < 1) continue;
        const name = choice.lane[1];
        taken.set(name, (taken.get(name) ?? 0) + 1);
        chosen.push(choice);
      }
    }
    return chosen;
  }

  /**
   * The tasks of lanes of one priority that may be among the first `limit`. Lanes come in the
   * order of their heads: once enough of them hold a task that can be taken, or enough of one
   * handler, whatever a later lane holds comes after these.
   */
  private inOrder(
    lanes: Lane[],
    limit: number,
    room: (lane: Lane) => number,
    now: number,
  ): Choice[] {
    const choices: Choice[] = [];
    const lanesOf = new Map<string, number>();
    let sure = 0;
    for (const lane of lanes) {
      if (sure === limit) break;
      const [queue, name, priority] = lane;
      const before = lanesOf.get(name) ?? 0;
      const most = Math.min(limit, room(lane));
      if (before >= most) continue;
      lanesOf.set(name, before + 1);
      sure += 1;
      for (const [eta, seq] of this.statements.ready.all(queue, name, priority, now, most)) {
        choices.push({ lane, eta, seq });
      }
    }
    if (lanesOf.size > 1 || sure > 1) choices.sort((a, b) => a.eta - b.eta || a.seq - b.seq);
    return choices;
  }

  /**
   * The lanes that have tasks and that this request may take from. Each step seeks to the first
   * entry that can belong to another lane: `>` would walk through the rest of the last one.
   */
  private lanes(request: ReserveRequest): Lane[] {
    const lanes: Lane[] = [];
    for (const queue of request.queues ?? [null]) {
      let from: [string, string, number] = [queue ?? '', '', LOWEST];
      for (;;) {
        const lane: Lane | undefined = this.statements.nextLane.get(...from);
        if (!lane || (queue !== null && lane[0] !== queue)) break;
        const wanted = roomFor(request, lane[0], lane[1]) > 0;
        if (wanted) lanes.push(lane);
        from = [lane[0], lane[1], wanted ? lane[2] + 1 : ABOVE_ALL];
      }
    }
    return lanes;
  }
}

function listed(choices: readonly Choice[]): string {
  return `[${choices.map((choice) => choice.seq).join(',')}]`;
}

function toReservedTask(
  [queue, name, priority]: Lane,
  row: ReadyRow,
  maxAttempts: number,
): ReservedTask {
  return {
    id: row[1],
    name,
    queue,
    priority,
    payload: row[2],
    eta: row[3],
    maxAttempts: row[4] ?? maxAttempts,
    timeout: row[5],
    backoff: row[6],
    meta: row[7],
    createdAt: row[8],
    attempt: row[9] + 1,
    lease: row[10] + 1,
  };
}

function maxAttemptsOf([, name]: Lane, request: ReserveRequest): number {
  return request.handlers?.get(name)?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
}

function groupByMaxAttempts(choices: readonly Choice[], request: ReserveRequest) {
  const groups = new Map<number, Choice[]>();
  for (const choice of choices) {
    const maxAttempts = maxAttemptsOf(choice.lane, request);
    const group = groups.get(maxAttempts);
    if (group) group.push(choice);
    else groups.set(maxAttempts, [choice]);
  }
  return groups;
}
