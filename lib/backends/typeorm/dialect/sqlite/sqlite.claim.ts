import type { ReserveRequest } from '../../../../core/backend.js';
import { roomFor } from '../../../../core/room-for.js';
import type { ReservedTask } from '../../../../core/task.js';
import { dueAt, isNumbered, SqliteLanes } from './sqlite.lanes.js';
import type { Lane, ReadyRow, SqliteStatements } from './sqlite.statements.js';

/** A task that a claim has chosen, before its row is read. */
interface Choice {
  readonly lane: Lane;
  readonly eta: number;
  readonly seq: number;
}

const DEFAULT_MAX_ATTEMPTS = 3;

/**
 * Chooses tasks in the order priority, eta, enqueue order, from the lanes of a look. Rows are read
 * of the chosen tasks only: until then the index has it all.
 */
export class SqliteClaim {
  readonly lanes: SqliteLanes;

  constructor(private readonly statements: SqliteStatements) {
    this.lanes = new SqliteLanes(statements);
  }

  claim(workerId: string, request: ReserveRequest, now: number): ReservedTask[] {
    const choices = this.choose(this.lanes.look(request, now), request, now);
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
    const lanes = this.lanes.all(request).filter((lane) => dueAt(lane) <= now);
    const choices = this.choose(lanes, request, now);
    const ids = new Map(this.statements.ids.all(listed(choices)));
    return choices.map(({ seq }) => ids.get(seq)!);
  }

  private choose(lanes: Lane[], request: ReserveRequest, now: number): Choice[] {
    const { handlers, maxTasks: limit = 1 } = request;
    lanes.sort((a, b) => rankOf(b) - rankOf(a) || compare(dueAt(a), dueAt(b)) || a[4] - b[4]);
    const chosen: Choice[] = [];
    const taken = new Map<string, number>();
    for (let i = 0; i < lanes.length && chosen.length < limit;) {
      const first = i;
      while (i < lanes.length && rankOf(lanes[i]!) === rankOf(lanes[first]!)) i += 1;
      const samePriority = lanes.slice(first, i);
      // Lanes are of queues of the request: that there are many of them costs nothing here.
      const room = ([queue, name]: Lane) =>
        roomFor({ handlers }, queue, name) - (taken.get(name) ?? 0);
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
      // Of a lane that cannot be asked for by number the head is known.
      const ready = isNumbered(lane)
        ? this.statements.ready.all(queue, name, priority, now, most)
        : [[dueAt(lane), lane[4]] as const];
      for (const [eta, seq] of ready) choices.push({ lane, eta, seq });
    }
    if (lanesOf.size > 1 || sure > 1)
      choices.sort((a, b) => compare(a.eta, b.eta) || a.seq - b.seq);
    return choices;
  }
}

/** What is no number is a priority like any task has that was given none. */
function rankOf([, , priority]: Lane): number {
  return typeof priority === 'number' ? priority : 0;
}

/** Also of what is infinite. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
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
    attempt: row[9],
    lease: row[10],
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
