import { Bell } from './bell.js';
import type { TaskRun } from './task-run.js';

/** The tasks that were claimed and have no stored outcome yet. */
export class Outstanding {
  private count = 0;
  private readonly closing = new Set<TaskRun>();
  private readonly bell = new Bell();

  add(): void {
    this.count += 1;
  }

  /** @param run unless it has never begun. */
  remove(run?: TaskRun): void {
    this.count -= 1;
    if (run) this.closing.delete(run);
    this.bell.ring();
  }

  /** Runs whose handler waits for the worker to stop: to wait for them would be for ever. */
  get closers(): readonly TaskRun[] {
    return [...this.closing];
  }

  addCloser(run: TaskRun): void {
    this.closing.add(run);
    this.bell.ring();
  }

  /** Those of these runs for which {@link others} waits. */
  among(runs: readonly TaskRun[]): TaskRun[] {
    return runs.filter((run) => !run.concluded && !this.closing.has(run));
  }

  /** Resolves when every outcome is stored, but for those of closers, or at the deadline. */
  others(deadline: number): Promise<void> {
    return this.wait(deadline, () => this.count === this.closing.size);
  }

  /** Resolves when every outcome is stored, or at the deadline. */
  all(deadline: number): Promise<void> {
    return this.wait(deadline, () => this.count === 0);
  }

  private async wait(deadline: number, isOver: () => boolean): Promise<void> {
    while (!isOver() && performance.now() < deadline) {
      await this.bell.wait(deadline - performance.now());
    }
  }
}
