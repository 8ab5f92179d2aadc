import type { ReserveRequest, StatusChange } from '../../core/backend.js';
import type { Report } from '../../core/capabilities/journaling-backend.js';
import type {
  RescuedTask,
  WorkerBeat,
  WorkerRegistration,
} from '../../core/capabilities/leasing-backend.js';
import type { PruneLimits } from '../../core/capabilities/pruning-backend.js';
import type { FinalResult } from '../../core/result.js';
import type { NewTask, ReservedTask, TaskStatus } from '../../core/task.js';
import type { Write } from './write.js';

/** What a look for lost tasks brought about. */
export interface Rescue {
  readonly tasks: readonly RescuedTask[];
  /** How many tasks wait no longer for an instant that the clock had passed before it went back. */
  readonly broughtForward: number;
  /** Workers whose registration it has removed, where that is in the transaction of the batch. */
  readonly retired?: readonly string[];
}

/** The kinds of writes, in the order in which a transaction applies them. */
export interface WriteKinds {
  /** Before settles: a run reports its last progress while it still holds the lease. */
  report: { input: { taskId: string; report: Report }; outcome: void };
  settle: { input: { taskId: string; result: FinalResult }; outcome: void };
  change: {
    input: { taskId: string; status: 'queued' | 'cancelled'; change: StatusChange };
    outcome: void;
  };
  cancel: { input: string; outcome: TaskStatus | null };
  insert: { input: readonly NewTask[]; outcome: void };
  register: { input: { worker: WorkerRegistration; beat: WorkerBeat }; outcome: void };
  renew: { input: { workerId: string; beat: WorkerBeat }; outcome: boolean };
  rescue: {
    input: { rescuerId: string | undefined; onlyGone: boolean };
    outcome: Rescue;
  };
  prune: { input: { endedBefore: PruneLimits; most: number }; outcome: number };
  /** Late: a claim sees what this very transaction settled and inserted. */
  claim: { input: { workerId: string; request: ReserveRequest }; outcome: ReservedTask[] };
  /** Last: what a worker claimed while it was stopping must not look like a stranger's. */
  retire: { input: string; outcome: void };
}

export type WriteKind = keyof WriteKinds;

/** Every kind, in the order of application. */
export const WRITE_KINDS: readonly WriteKind[] = [
  'report',
  'settle',
  'change',
  'cancel',
  'insert',
  'register',
  'renew',
  'rescue',
  'prune',
  'claim',
  'retire',
];

export type WriteOf<K extends WriteKind> = Write<WriteKinds[K]['input'], WriteKinds[K]['outcome']>;

/** The writes of one transaction. */
export class WriteBatch {
  /** When the first one was accepted, by `performance.now()`. */
  openedAt = 0;
  /** Runs out when the callers are to be told that it takes too long. */
  timer: NodeJS.Timeout | undefined;

  readonly report: WriteOf<'report'>[] = [];
  readonly settle: WriteOf<'settle'>[] = [];
  readonly change: WriteOf<'change'>[] = [];
  readonly cancel: WriteOf<'cancel'>[] = [];
  readonly insert: WriteOf<'insert'>[] = [];
  readonly register: WriteOf<'register'>[] = [];
  readonly renew: WriteOf<'renew'>[] = [];
  readonly rescue: WriteOf<'rescue'>[] = [];
  readonly prune: WriteOf<'prune'>[] = [];
  readonly claim: WriteOf<'claim'>[] = [];
  readonly retire: WriteOf<'retire'>[] = [];

  /** How many writes there are. */
  get size(): number {
    let size = 0;
    for (const kind of WRITE_KINDS) size += this[kind].length;
    return size;
  }

  /** Whether somebody was promised that this is kept: an enqueue, an outcome, a cancel. */
  get acknowledges(): boolean {
    return this.insert.length + this.settle.length + this.change.length + this.cancel.length > 0;
  }

  /** Whether there are only claims and rescues, which may find nothing to write. */
  get isTentative(): boolean {
    return this.claim.length + this.rescue.length === this.size;
  }

  /** Every write, in the order of application. */
  *all(): Generator<Write<unknown, unknown>> {
    for (const kind of WRITE_KINDS) yield* this[kind] as Write<unknown, unknown>[];
  }
}
