import type { StoredError } from './result.js';
import type { TaskStatus } from './task.js';
import type { WorkerInfo } from './worker-info.js';

/**
 * Why a task is not running, or what became of it, by `TaskQueue.explain`. What is told of workers
 * is what the store knows: a handler that goes on after its task was handed on takes a slot that
 * cannot be seen from outside its process.
 *
 * @publicApi
 */
export type TaskExplanation = TaskSituation & {
  /** The same for people: one sentence, with what to do about it. */
  readonly text: string;
};

/**
 * {@link TaskExplanation} without its text.
 *
 * @publicApi
 */
export type TaskSituation = WaitingSituation | RunningSituation | EndedSituation;

/**
 * A task that waits, and for what.
 *
 * @publicApi
 */
export type WaitingSituation = {
  readonly state: 'waiting';
  /** Attempts that count so far. */
  readonly attempt: number;
  /** Why the last attempt failed, also when its worker died; null when none did. */
  readonly error: StoredError | null;
} & WaitingReason;

/**
 * What a task waits for.
 *
 * @publicApi
 */
export type WaitingReason =
  /** It was enqueued for later, or snoozed. */
  | { readonly reason: 'eta'; readonly until: Date }
  /** An attempt failed; this is the pause before the next one. */
  | { readonly reason: 'retry'; readonly until: Date; readonly error: StoredError }
  /** It waits for other tasks. */
  | { readonly reason: 'blocked' }
  /** No live worker takes this queue and has this handler. */
  | {
      readonly reason: 'no-worker';
      /** How many workers are alive. */
      readonly alive: number;
      /** Any `worker` at all, one that has the `handler`, or one that has it and takes the `queue`. */
      readonly missing: 'worker' | 'handler' | 'queue';
      /** Where the `handler` is missing: names that live workers have, the likeliest first. */
      readonly names: readonly string[];
    }
  /** It is next, but the live workers that could run it have all their slots taken. */
  | { readonly reason: 'slots'; readonly workers: readonly WorkerInfo[] }
  /** There are free slots, but its handler runs as often as its own concurrency allows. */
  | {
      readonly reason: 'handler-limit';
      /** As with `behind`. */
      readonly ahead: number;
      /** Those that have free slots. */
      readonly workers: readonly WorkerInfo[];
    }
  /** Others come first, by priority, eta and order of enqueueing. */
  | {
      readonly reason: 'behind';
      /**
       * How many tasks that are due come before it and could be run by the same worker; of several
       * workers the shortest line. Counted up to 1000.
       */
      readonly ahead: number;
      /** The live workers that could run it. */
      readonly workers: readonly WorkerInfo[];
    }
  /** These workers have a free slot for it: one of them should take it at any moment. */
  | { readonly reason: 'ready'; readonly workers: readonly WorkerInfo[] };

/**
 * A task that runs.
 *
 * @publicApi
 */
export interface RunningSituation {
  readonly state: 'running';
  /** Id of the worker. */
  readonly worker: string;
  /**
   * Whether the lease of that worker holds. If not, the next live worker that looks takes the task
   * over: it then waits again, or has failed if this was its last attempt.
   */
  readonly workerAlive: boolean;
  readonly since: Date;
  /** Which attempt this is; the first is 1. */
  readonly attempt: number;
}

/**
 * A task that has ended.
 *
 * @publicApi
 */
export interface EndedSituation {
  readonly state: 'ended';
  readonly status: Extract<TaskStatus, 'completed' | 'failed' | 'cancelled'>;
  readonly at: Date;
  /** How many attempts counted. */
  readonly attempt: number;
  /** Why it failed; null when it did not. */
  readonly error: StoredError | null;
}
