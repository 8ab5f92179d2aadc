import type { Outcome, Plugin, Task } from 'nestjs-sitq';

/** Keeps the outcome of every run, and lets a test wait for them. */
export class Recorder implements Plugin {
  readonly name = 'recorder';
  private readonly byTask = new Map<string, Outcome[]>();
  private notify: (() => void)[] = [];

  afterSettle(task: Task, outcome: Outcome): void {
    this.byTask.set(task.id, [...(this.byTask.get(task.id) ?? []), outcome]);
    for (const tell of this.notify.splice(0)) tell();
  }

  /** The outcomes of a task, once there are so many. */
  async outcomes({ id }: { id: string }, count = 1): Promise<Outcome[]> {
    for (;;) {
      const outcomes = this.byTask.get(id) ?? [];
      if (outcomes.length >= count) return outcomes;
      await new Promise<void>((resolve) => this.notify.push(resolve));
    }
  }

  /** The first outcome of a task. */
  async outcome(handle: { id: string }): Promise<Outcome> {
    return (await this.outcomes(handle))[0]!;
  }
}
