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

  /** After the outcome is stored. It cannot undo it: errors are logged and dropped. */
  afterSettle?(task: Task, outcome: Outcome): void | Promise<void>;

  /** On each poll interval of a running worker. Errors are logged and dropped. */
  tick?(now: Date): void | Promise<void>;
}
