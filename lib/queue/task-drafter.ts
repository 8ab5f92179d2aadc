import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.js';
import { IdSource } from '../core/id-source.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin, TaskDraft } from '../core/plugin.js';
import type { NewTask } from '../core/task.js';
import { ValidationError } from '../errors/validation.error.js';
import { planEnqueue, type EnqueuePlan } from './enqueue-plan.js';
import type { BulkPlan } from './bulk-plan.js';
import type { TaskTarget } from './task-target.js';

/** So many tasks are drafted in one turn of the event loop. */
const AT_A_STRETCH = 100;
/** Where a chunk ends that has fewer tasks than it may, in characters of arguments. */
const LARGEST_CHUNK = 4 * 1024 * 1024;

/** Makes the row of a task from a target, arguments and options. */
export class TaskDrafter {
  private readonly ids = new IdSource();
  private readonly plugins: readonly Plugin[];

  constructor(
    private readonly codec: PayloadCodec,
    private readonly clock: Clock,
    plugins: readonly Plugin[],
  ) {
    this.plugins = plugins.filter((plugin) => plugin.beforeEnqueue);
  }

  /** A promise only where a plugin has a say, or the time must be asked for: most tasks need none. */
  draft(target: TaskTarget, args: unknown, plan: EnqueuePlan): NewTask | Promise<NewTask> {
    const asking = this.refreshFor(plan.delay);
    const draft = () => this.finish(this.encode(target, args, plan), args);
    return asking ? asking.then(draft) : draft();
  }

  /** What is due in a while is so by a clock that is right. */
  private refreshFor(delay: number): Promise<void> | undefined {
    return delay > 0 ? this.clock.refresh?.() : undefined;
  }

  private encode(target: TaskTarget, args: unknown, plan: EnqueuePlan): NewTask {
    if (!Array.isArray(args)) {
      throw new ValidationError(`The arguments of ${target.name} must be an array.`, 'args', args);
    }
    const now = this.clock.now();
    return {
      id: plan.id ?? this.ids.next(),
      name: target.name,
      queue: plan.queue ?? target.queue,
      payload: this.codec.encode('args', args),
      priority: plan.priority ?? target.priority,
      eta: plan.eta ?? now + plan.delay,
      maxAttempts: plan.maxAttempts,
      timeout: plan.timeout,
      backoff: plan.backoff,
      meta: plan.meta,
      createdAt: now,
    };
  }

  private finish(task: NewTask, args: unknown): NewTask | Promise<NewTask> {
    if (this.plugins.length === 0) return task;
    const asked = this.askPlugins(task, args as unknown[]);
    asked.catch(() => undefined); // is told with its chunk
    return asked;
  }

  /**
   * In chunks of so many tasks, or of fewer large ones. Between stretches others have a turn: who
   * asks for a page, and the chunk before this one.
   */
  async *draftChunks(
    target: TaskTarget,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    { chunkSize, delay, planOf }: Pick<BulkPlan, 'chunkSize' | 'delay' | 'planOf'>,
  ): AsyncGenerator<NewTask[]> {
    let index = 0;
    let size = 0;
    let drafts: (NewTask | Promise<NewTask>)[] = [];
    const isFullWith = (args: unknown): boolean => {
      const task = this.encode(target, args, planOf(args, index++));
      size += task.payload.length;
      drafts.push(this.finish(task, args));
      return drafts.length === chunkSize || size >= LARGEST_CHUNK;
    };
    const cut = async (): Promise<NewTask[]> => {
      const chunk = drafts;
      [drafts, size] = [[], 0];
      return this.plugins.length === 0 ? (chunk as NewTask[]) : Promise.all(chunk);
    };
    const rest = async () => {
      if (drafts.length % AT_A_STRETCH !== 0) return;
      if (this.plugins.length > 0) drafts = await Promise.all(drafts);
      await nextTurn();
      await this.refreshFor(delay);
    };
    await this.refreshFor(delay);
    if (Symbol.iterator in items) {
      // Kept apart from the loop below: awaiting every item would cost more than storing it.
      for (const args of items) {
        if (isFullWith(args)) yield await cut();
        else if (drafts.length % AT_A_STRETCH === 0) await rest();
      }
    } else {
      for await (const args of items) {
        const asking = this.refreshFor(delay);
        if (asking) await asking;
        if (isFullWith(args)) yield await cut();
        else await rest();
      }
    }
    if (drafts.length > 0) yield await cut();
  }

  private async askPlugins(task: NewTask, args: unknown[]): Promise<NewTask> {
    const meta = task.meta === null ? {} : (JSON.parse(task.meta) as Record<string, string>);
    const { id, name, queue, priority, eta } = task;
    const draft: TaskDraft = { id, name, args, queue, priority, eta, meta };
    for (const plugin of this.plugins) await plugin.beforeEnqueue?.(draft);
    const changed = planEnqueue(`beforeEnqueue of ${name}`, {
      queue: draft.queue,
      priority: draft.priority,
      eta: new Date(draft.eta),
      meta: draft.meta,
    });
    return {
      ...task,
      queue: draft.queue,
      priority: draft.priority,
      eta: draft.eta,
      meta: Object.keys(draft.meta).length > 0 ? changed.meta : null,
    };
  }
}
