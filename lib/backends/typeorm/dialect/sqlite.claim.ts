import type { ReserveRequest } from '../../../core/backend.js';
import type { ReservedTask } from '../../../core/task.js';
import type { ReadyRow, SqliteStatements } from './sqlite.statements.js';

/** Waiting tasks of one queue, handler and priority: a run of the claim's index. */
type Lane = readonly [queue: string, name: string, priority: number];
type Candidate = { -readonly [K in keyof ReservedTask]: ReservedTask[K] } & { seq: number };

const LOWEST = -32768;
const ABOVE_ALL = 32768;
const DEFAULT_MAX_ATTEMPTS = 3;

/**
 * Chooses tasks in the order priority, eta, enqueue order. The index is walked lane by lane, so
 * that what this worker cannot take (other handlers, other queues, handlers at their concurrency,
 * tasks of the future) is stepped over as a whole however much of it there is.
 */
export class SqliteClaim {
  constructor(private readonly statements: SqliteStatements) {}

  claim(workerId: string, request: ReserveRequest, now: number): ReservedTask[] {
    const chosen = this.choose(request, request.maxTasks ?? 1, now);
    for (const [maxAttempts, tasks] of groupByMaxAttempts(chosen, request)) {
      const seqs = JSON.stringify(tasks.map((task) => task.seq));
      this.statements.claim.run(workerId, now, maxAttempts, seqs);
      for (const task of tasks) {
        task.attempt += 1;
        task.lease += 1;
        task.maxAttempts ??= maxAttempts;
      }
    }
    return chosen;
  }

  /** Whether a claim would find anything. Takes no lock. */
  isAnythingReady(request: ReserveRequest, now: number): boolean {
    return this.choose(request, 1, now).length > 0;
  }

  /** The earliest eta ahead, or null. */
  nextEta(request: ReserveRequest, now: number): number | null {
    let next: number | null = null;
    for (const lane of this.lanes(request)) {
      const eta = this.statements.firstEta.get(...lane, now);
      if (eta !== undefined && (next === null || eta < next)) next = eta;
    }
    return next;
  }

  private choose(request: ReserveRequest, limit: number, now: number): Candidate[] {
    const lanes = this.lanes(request).sort((a, b) => b[2] - a[2]);
    const chosen: Candidate[] = [];
    const taken = new Map<string, number>();
    for (let i = 0; i < lanes.length && chosen.length < limit;) {
      const priority = lanes[i]![2];
      const candidates: Candidate[] = [];
      let merged = 0;
      for (; lanes[i]?.[2] === priority; i += 1, merged += 1) {
        const lane = lanes[i]!;
        const most = Math.min(limit - chosen.length, room(request, taken, lane[1]));
        if (most > 0) {
          const rows = this.statements.ready.all(...lane, now, most);
          for (const row of rows) candidates.push(toCandidate(lane, row));
        }
      }
      if (merged > 1) candidates.sort((a, b) => a.eta - b.eta || a.seq - b.seq);
      for (const task of candidates) {
        if (chosen.length === limit) break;
        if (room(request, taken, task.name) < 1) continue;
        taken.set(task.name, (taken.get(task.name) ?? 0) + 1);
        chosen.push(task);
      }
    }
    return chosen;
  }

  /**
   * The lanes that have tasks and that this request may take from. Each step seeks to the first
   * entry that can belong to another lane: `>` would walk through the rest of the last one.
   */
  private lanes(request: ReserveRequest): Lane[] {
    const lanes: Lane[] = [];
    for (const queue of request.queues ?? [null]) {
      let from: Lane = [queue ?? '', '', LOWEST];
      for (;;) {
        const lane: Lane | undefined = this.statements.nextLane.get(...from);
        if (!lane || (queue !== null && lane[0] !== queue)) break;
        const wanted = capacity(request, lane[1]) > 0;
        if (wanted) lanes.push(lane);
        from = [lane[0], lane[1], wanted ? lane[2] + 1 : ABOVE_ALL];
      }
    }
    return lanes;
  }
}

function toCandidate([queue, name, priority]: Lane, row: ReadyRow): Candidate {
  return {
    seq: row[0],
    id: row[1],
    name,
    queue,
    priority,
    payload: row[2],
    eta: row[3],
    maxAttempts: row[4],
    timeout: row[5],
    backoff: row[6],
    meta: row[7],
    createdAt: row[8],
    attempt: row[9],
    lease: row[10],
  };
}

function capacity(request: ReserveRequest, name: string): number {
  return request.handlers ? (request.handlers.get(name)?.free ?? 0) : Infinity;
}

function room(request: ReserveRequest, taken: Map<string, number>, name: string): number {
  return capacity(request, name) - (taken.get(name) ?? 0);
}

function groupByMaxAttempts(tasks: Candidate[], request: ReserveRequest) {
  const groups = new Map<number, Candidate[]>();
  for (const task of tasks) {
    const maxAttempts = request.handlers?.get(task.name)?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
    const group = groups.get(maxAttempts);
    if (group) group.push(task);
    else groups.set(maxAttempts, [task]);
  }
  return groups;
}
