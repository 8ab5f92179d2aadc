import type { BackoffFunction, BackoffPlan } from './retry-policy.js';
import type { Task } from './task.js';

/**
 * A method marked `@Task()`, with its policy filled in. Without Nest, `HandlerRegistry.add` takes it.
 *
 * @publicApi
 */
export interface Handler {
  readonly name: string;
  /** Where it stands in the code, for messages: `Class.method`. */
  readonly origin: string;
  readonly invoke: (args: readonly unknown[]) => unknown;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly backoff: BackoffPlan | BackoffFunction;
  /** Limit of one attempt in ms, or null. */
  readonly timeout: number | null;
  /** Runs at once in this process; `Infinity` without a limit. */
  readonly concurrency: number;
  /** Runs in a thread of its own; then `invoke` is not called here. @default false */
  readonly isolate?: boolean;
  readonly retryIf: ((error: Error, task: Task) => boolean) | undefined;
}
