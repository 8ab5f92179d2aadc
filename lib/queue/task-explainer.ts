import type { Backend } from '../core/backend.js';
import { clockOf } from '../core/capabilities/clocked-backend.js';
import { isLocatedBackend } from '../core/capabilities/located-backend.js';
import { isPeekingBackend, type PeekingBackend } from '../core/capabilities/peeking-backend.js';
import { requireCapability } from '../core/capabilities/require-capability.js';
import {
  isWorkerListingBackend,
  type WorkerListingBackend,
} from '../core/capabilities/worker-listing-backend.js';
import type { StoredError } from '../core/result.js';
import { roomFor } from '../core/room-for.js';
import type {
  EndedSituation,
  RunningSituation,
  TaskExplanation,
  TaskSituation,
  WaitingReason,
} from '../core/task-explanation.js';
import type { StoredTask } from '../core/task.js';
import type { WorkerInfo } from '../core/worker-info.js';
import { toWorkerInfo } from '../core/worker-view.js';
import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import { explanationText } from './explanation-text.js';
import { likelyNames } from './likely-names.js';
import { freeSlots, nextRequestOf, requestOf } from './worker-requests.js';

/** Tasks ahead are counted so far. */
const MOST_AHEAD = 1000;
/** How often to look again where the task has moved on meanwhile. */
const MOST_LOOKS = 3;

/**
 * Finds out why a task is not running. It has no rules of its own: who could take the task is said
 * by the function that claims ask too, and what comes first by a claim that is not made.
 */
export class TaskExplainer {
  private readonly peeking: PeekingBackend;
  private readonly listing: WorkerListingBackend;
  private readonly database: string | null;

  /** @throws BackendError when the store cannot tell. */
  constructor(private readonly backend: Backend) {
    const what = 'explain tasks';
    this.peeking = requireCapability(backend, isPeekingBackend, 'PeekingBackend', what);
    this.database = isLocatedBackend(backend) ? backend.database : null;
    this.listing = requireCapability(backend, isWorkerListingBackend, 'WorkerListingBackend', what);
  }

  /** @throws TaskNotFoundError when there is no such task. */
  async explain(taskId: string): Promise<TaskExplanation> {
    for (let look = 1; ; look += 1) {
      const task = await this.backend.getTask(taskId);
      if (!task) throw new TaskNotFoundError(taskId);
      const situation = await this.situationOf(task, look === MOST_LOOKS);
      if (situation) return { ...situation, text: explanationText(task, situation, this.database) };
    }
  }

  /** Null when the task has moved on since it was read, unless this is the last look. */
  private async situationOf(task: StoredTask, isLast: boolean): Promise<TaskSituation | null> {
    const error = (await this.backend.getResult(task.id))?.error ?? null;
    const workers = (await this.listing.listWorkers()).map(toWorkerInfo);
    const { attempt, status } = task;
    if (status === 'running') return running(task, workers);
    if (status !== 'queued' && status !== 'blocked') return ended(task, status, error);
    const alive = workers.filter((worker) => worker.alive);
    const reason =
      status === 'blocked'
        ? ({ reason: 'blocked' } as const)
        : (notDue(task, error, clockOf(this.backend).now()) ??
          (await this.whyNotTaken(task, alive, isLast)));
    return reason && { state: 'waiting', attempt, error, ...reason };
  }

  /** Of a task that is due. */
  private async whyNotTaken(
    task: StoredTask,
    alive: readonly WorkerInfo[],
    isLast: boolean,
  ): Promise<WaitingReason | null> {
    const { queue, name } = task;
    const workers = alive.filter((worker) => roomFor(requestOf(worker), queue, name) > 0);
    if (workers.length === 0) return noWorker(task, alive);
    const ahead = await this.countAhead(task, workers, isLast);
    if (ahead === null) return null;
    const free = workers.filter((worker) => freeSlots(worker) > 0);
    if (free.length === 0) {
      return ahead > 0 ? { reason: 'behind', ahead, workers } : { reason: 'slots', workers };
    }
    const open = free.filter((worker) => roomFor(nextRequestOf(worker), queue, name) > 0);
    if (open.length === 0) return { reason: 'handler-limit', ahead, workers: free };
    const ready = await this.whoTakesItNext(task, open);
    if (ready.length > 0) return { reason: 'ready', workers: ready };
    if (ahead > 0) return { reason: 'behind', ahead, workers };
    return isLast ? { reason: 'ready', workers: open } : null;
  }

  /**
   * How many tasks come first, in the shortest of the lines in which these workers look for it.
   * Null when the task is in no line: it has moved on.
   */
  private async countAhead(
    task: StoredTask,
    workers: readonly WorkerInfo[],
    isLast: boolean,
  ): Promise<number | null> {
    const lines = new Map(
      workers.map((worker) => [
        JSON.stringify([worker.queues, worker.handlers]),
        requestOf(worker),
      ]),
    );
    let least = MOST_AHEAD;
    for (const request of lines.values()) {
      const line = await this.peeking.peekTasks({ ...request, maxTasks: MOST_AHEAD });
      const place = line.indexOf(task.id);
      if (place < 0 && line.length < MOST_AHEAD && !isLast) return null;
      least = Math.min(least, place < 0 ? line.length : place);
    }
    return least;
  }

  /** The workers whose next claim brings it. */
  private async whoTakesItNext(
    task: StoredTask,
    workers: readonly WorkerInfo[],
  ): Promise<WorkerInfo[]> {
    const takers: WorkerInfo[] = [];
    for (const worker of workers) {
      const maxTasks = Math.min(freeSlots(worker), MOST_AHEAD);
      const next = await this.peeking.peekTasks({ ...nextRequestOf(worker), maxTasks });
      if (next.includes(task.id)) takers.push(worker);
    }
    return takers;
  }
}

function notDue(task: StoredTask, error: StoredError | null, now: number): WaitingReason | null {
  if (task.eta <= now) return null;
  const until = new Date(task.eta);
  return error ? { reason: 'retry', until, error } : { reason: 'eta', until };
}

function noWorker({ queue, name }: StoredTask, alive: readonly WorkerInfo[]): WaitingReason {
  const has = (worker: WorkerInfo) =>
    roomFor({ handlers: requestOf(worker).handlers }, queue, name) > 0;
  const missing = alive.length === 0 ? 'worker' : alive.some(has) ? 'queue' : 'handler';
  const known = missing === 'handler' ? alive.flatMap(({ handlers }) => handlers) : [];
  const { names } = likelyNames(name, known);
  return { reason: 'no-worker', alive: alive.length, missing, names };
}

function running(task: StoredTask, workers: readonly WorkerInfo[]): RunningSituation {
  const { attempt, createdAt, startedAt, workerId } = task;
  return {
    state: 'running',
    worker: workerId ?? '',
    workerAlive: workers.some((worker) => worker.id === workerId && worker.alive),
    since: new Date(startedAt ?? createdAt),
    attempt,
  };
}

function ended(
  { attempt, createdAt, finishedAt }: StoredTask,
  status: EndedSituation['status'],
  error: StoredError | null,
): EndedSituation {
  return { state: 'ended', status, at: new Date(finishedAt ?? createdAt), attempt, error };
}
