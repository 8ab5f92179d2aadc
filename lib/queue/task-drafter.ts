import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.js';
import { IdSource } from '../core/id-source.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import type { Plugin, TaskDraft } from '../core/plugin.js';
import type { NewTask } from '../core/task.js';
import { ValidationError } from '../errors/validation.error.js';
import { planEnqueue, type EnqueuePlan } from './enqueue-plan.js';
import type { TaskTarget } from './task-target.js';

/** So many tasks are drafted in one turn of the event loop. */
const AT_A_STRETCH = 100;

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
    const asking = plan.delay > 0 ? this.clock.refresh?.() : undefined;
    return asking
      ? asking.then(() => this.draftNow(target, args, plan))
      : this.draftNow(target, args, plan);
  }

  private draftNow(
    target: TaskTarget,
    args: unknown,
    plan: EnqueuePlan,
  ): NewTask | Promise<NewTask> {
    if (!Array.isArray(args)) {
      throw new ValidationError(`The arguments of ${target.name} must be an array.`, 'args', args);
    }
    const now = this.clock.now();
    const task: NewTask = {
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
    return this.plugins.length === 0 ? task : this.askPlugins(task, args);
  }

  /** Between stretches others have a turn: who asks for a page, and the chunk before this one. */
  async *draftChunks(
    target: TaskTarget,
    chunks: AsyncIterable<unknown[]>,
    planOf: (args: unknown, index: number) => EnqueuePlan,
  ): AsyncGenerator<NewTask[]> {
    let index = 0;
    const draft = (args: unknown) => this.draft(target, args, planOf(args, index++));
    for await (const chunk of chunks) {
      const tasks: NewTask[] = [];
      for (let at = 0; at < chunk.length; at += AT_A_STRETCH) {
        if (at > 0) await nextTurn();
        const stretch = chunk.slice(at, at + AT_A_STRETCH);
        tasks.push(
          ...(this.plugins.length === 0
            ? (stretch.map(draft) as NewTask[])
            : await Promise.all(stretch.map(async (args) => draft(args)))),
        );
      }
      yield tasks;
    }
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
