import type { HandlerCapacity } from '../core/backend.js';
import type { Handler } from '../core/handler.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import type { TaskRun } from './task-run.js';

/**
 * The slots of a worker: which runs take them, which wait in line for one, and how much each
 * handler can still take.
 */
export class Slots {
  /** Live: a claim reads it at the moment it is made. */
  readonly capacities: ReadonlyMap<string, HandlerCapacity>;
  /** After a lost lease the same task may run here twice; each handler has its slot. */
  private readonly runs = new Set<TaskRun>();
  private readonly line: TaskRun[] = [];
  /** How often a slot has become free. */
  freed = 0;

  constructor(
    private readonly size: number,
    handlers: readonly Handler[],
  ) {
    this.capacities = new Map(
      handlers.map(({ name, concurrency, maxAttempts }) => [
        name,
        { free: concurrency, maxAttempts },
      ]),
    );
  }

  /** How many more runs may start. */
  get free(): number {
    return this.size - this.runs.size;
  }

  /** Runs that have been claimed ahead of a free slot. */
  get waiting(): number {
    return this.line.length;
  }

  /** Runs whose handler has begun and not ended. */
  get inFlight(): number {
    return this.runs.size;
  }

  /** Runs whose handler ignores its timeout. */
  get stuck(): number {
    let stuck = 0;
    for (const run of this.runs) if (run.stuck) stuck += 1;
    return stuck;
  }

  /** Runs whose handler goes on although the task is no longer theirs, by handler. */
  lingering(): Record<string, number> {
    const lingering = new Map<string, number>();
    for (const { abortReason, concluded, handler } of this.runs) {
      if (!concluded && !(abortReason instanceof LeaseLostError)) continue;
      lingering.set(handler.name, 1 + (lingering.get(handler.name) ?? 0));
    }
    return Object.fromEntries(lingering);
  }

  /** The latest run of a task. */
  get(taskId: string): TaskRun | undefined {
    return this.all().findLast((run) => run.reserved.id === taskId);
  }

  /** Those that wait in line, too. */
  all(): TaskRun[] {
    return [...this.runs, ...this.line];
  }

  /** Takes a slot, or a place in the line. @returns whether the run may begin. */
  take(run: TaskRun): boolean {
    if (this.free > 0) this.occupy(run);
    else this.line.push(run);
    return this.runs.has(run);
  }

  /** Frees a slot. @returns the run that has it now. */
  release(run: TaskRun): TaskRun | undefined {
    this.capacities.get(run.handler.name)!.free += 1;
    this.runs.delete(run);
    this.freed += 1;
    const next = this.line.shift();
    if (next) this.occupy(next);
    return next;
  }

  /** Empties the line. @returns who was in it */
  dismiss(): TaskRun[] {
    return this.line.splice(0);
  }

  private occupy(run: TaskRun): void {
    this.capacities.get(run.handler.name)!.free -= 1;
    this.runs.add(run);
  }
}
