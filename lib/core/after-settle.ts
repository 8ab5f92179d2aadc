import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import type { Backend } from './backend.js';
import type { SitqLogger } from './logger.js';
import type { Outcome } from './outcome.js';
import type { PayloadCodec } from './payload-codec.js';
import type { Plugin, SettleCause } from './plugin.js';
import type { StoredError, StoredResult } from './result.js';
import { toTask } from './task-view.js';
import type { StoredTask, Task } from './task.js';
import { textOf } from './text-of.js';
import { withoutContext } from './without-context.js';

/** Tells plugins what is stored; none can undo it any more. */
export class AfterSettle {
  private readonly plugins: readonly Plugin[];

  constructor(
    private readonly backend: Backend,
    private readonly codec: PayloadCodec,
    plugins: readonly Plugin[],
    private readonly logger: SitqLogger | undefined,
  ) {
    this.plugins = plugins.filter((plugin) => plugin.afterSettle);
  }

  /** Whether nobody wants to know. */
  get isIdle(): boolean {
    return this.plugins.length === 0;
  }

  /** @param within calls what a plugin does. */
  async tell(
    task: () => Task,
    outcome: Outcome,
    cause: SettleCause,
    within: <T>(work: () => T) => T = withoutContext,
  ): Promise<void> {
    for (const plugin of this.plugins) {
      try {
        await within(() => plugin.afterSettle?.(task(), outcome, cause));
      } catch (error) {
        this.logger?.warn(`Plugin ${plugin.name} failed in afterSettle: ${textOf(error)}`);
      }
    }
  }

  /** The same of a task that has ended without a run, or otherwise than its run did. */
  async tellOf(taskId: string, cause: SettleCause): Promise<void> {
    if (this.isIdle) return;
    try {
      const [task, result] = await this.read(taskId);
      const outcome = this.outcomeOf(task, result);
      if (outcome) await this.tell(() => toTask(task, this.codec), outcome, cause);
    } catch (error) {
      this.logger?.warn(`Plugins were not told of the end of task ${taskId}: ${textOf(error)}`);
    }
  }

  /** Whether what would have gone back to its queue was cancelled instead: somebody had asked. */
  async wasCancelled(taskId: string, lease: number): Promise<boolean> {
    const task = await this.backend.getTask(taskId).catch(() => null);
    return task?.status === 'cancelled' && task.cancelRequestedAt !== null && task.lease === lease;
  }

  private async read(taskId: string): Promise<[StoredTask, StoredResult | null]> {
    const task = await this.backend.getTask(taskId);
    if (!task) throw new TaskNotFoundError(taskId);
    return [task, await this.backend.getResult(taskId)];
  }

  private outcomeOf({ status }: StoredTask, result: StoredResult | null): Outcome | undefined {
    if (status === 'cancelled') return { kind: 'cancelled' };
    if (status === 'failed') return { kind: 'failed', error: toError(result?.error ?? null) };
    return undefined;
  }
}

function toError(stored: StoredError | null): Error {
  const { code, message = '', name = 'Error', stack } = stored ?? {};
  const error = Object.assign(new Error(message), code !== undefined && { code });
  return Object.defineProperties(error, { name: { value: name }, stack: { value: stack ?? '' } });
}
