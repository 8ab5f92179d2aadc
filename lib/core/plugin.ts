import type { Outcome } from './outcome.js';
import type { Task } from './task.js';

/**
 * A task that is about to be enqueued. A plugin may change what is not readonly.
 *
 * @publicApi
 */
export interface TaskDraft {
  readonly id: string;
  readonly name: string;
  readonly args: readonly unknown[];
  queue: string;
  priority: number;
  eta: number;
  meta: Record<string, string>;
}

/**
 * What brought an outcome about: a `run` of the handler, a `cancel` while the task waited, or the
 * `rescue` of a task whose worker was lost and which is not run again.
 *
 * @publicApi
 */
export type SettleCause = 'run' | 'cancel' | 'rescue';

/**
 * A feature around the queue. Every part is optional; `forRoot({ plugins })` takes them in order.
 *
 * @publicApi
 */
export interface Plugin {
  /** For logs and errors. */
  readonly name: string;

  /** Before a task is stored. Throwing refuses the enqueue. */
  beforeEnqueue?(draft: TaskDraft): void | Promise<void>;

  /** Around the handler, the first plugin outermost. What it throws counts as the handler's error. */
  aroundRun?(task: Task, next: () => Promise<unknown>): Promise<unknown>;

  /**
   * After an outcome is stored, whoever caused it, in the process that did: a worker whose run it
   * is, the one that found another's worker lost, or a queue that cancelled what waited. It cannot
   * undo it: errors are logged and dropped. Each end is told at most once: a process that dies
   * between the two tells nobody.
   */
  afterSettle?(task: Task, outcome: Outcome, cause: SettleCause): void | Promise<void>;

  /** On each poll interval of a running worker. Errors are logged and dropped. */
  tick?(now: Date): void | Promise<void>;
}
