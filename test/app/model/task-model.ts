import type { ResultStatus, TaskStatus } from 'nestjs-sitq';

/** What the model knows of a task. */
export interface ModelTask {
  readonly id: string;
  readonly priority: number;
  readonly maxAttempts: number;
  eta: number;
  status: TaskStatus;
  attempt: number;
  cancelRequested: boolean;
  result: ResultStatus;
  runs: number;
}

/** How a handler ends a run. */
export type Ending = 'return' | 'throw' | 'give up' | 'snooze';

export const CONCURRENCY = 2;
export const SNOOZE = 50;

const RESULTS: Partial<Record<TaskStatus, ResultStatus>> = {
  completed: 'success',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** The rules of the design, sections 3 and 4, in a page: what the real thing is compared with. */
export class TaskModel {
  time = 1_800_000_000_000;
  /** Writes that the current worker had refused. */
  refused = 0;
  readonly tasks: ModelTask[] = [];
  /** Handlers that still run although their task was handed on; each keeps its slot. */
  late: string[] = [];

  get running(): ModelTask[] {
    return this.tasks.filter((task) => task.status === 'running');
  }

  enqueue(id: string, priority: number, maxAttempts: number, delay: number): void {
    this.tasks.push({
      id,
      priority,
      maxAttempts,
      eta: this.time + delay,
      status: 'queued',
      attempt: 0,
      cancelRequested: false,
      result: 'pending',
      runs: 0,
    });
  }

  cancel(task: ModelTask): void {
    if (task.status === 'queued') this.end(task, 'cancelled');
    if (task.status === 'running') task.cancelRequested = true;
  }

  endRun(task: ModelTask, ending: Ending): void {
    if (ending === 'return') this.end(task, 'completed');
    else if (task.cancelRequested) this.end(task, 'cancelled');
    else if (ending === 'snooze') this.requeue(task, this.time + SNOOZE, 'gives the attempt back');
    else if (ending === 'throw' && task.attempt < task.maxAttempts) this.requeue(task, this.time);
    else this.end(task, 'failed');
  }

  /** The worker stops at once, and another one starts. */
  restart(): void {
    for (const task of this.running) {
      if (task.cancelRequested) this.end(task, 'cancelled');
      else this.requeue(task, task.eta, 'gives the attempt back');
    }
    this.refused = 0;
    this.late = [];
  }

  /** The worker falls silent for longer than its lease; its handlers go on. */
  loseWorker(): void {
    this.late.push(...this.running.map((task) => task.id));
    for (const task of this.running) {
      if (task.cancelRequested) this.end(task, 'cancelled');
      else if (task.attempt < task.maxAttempts) this.requeue(task, task.eta);
      else this.end(task, 'failed');
    }
  }

  /** What a late handler wants to write is refused. */
  endLate(at: number): void {
    this.late.splice(at, 1);
    this.refused += 1;
  }

  /** Fills the free slots: by priority, then eta, then enqueue order. */
  claim(): void {
    const ready = this.tasks
      .filter((task) => task.status === 'queued' && task.eta <= this.time)
      .sort((a, b) => b.priority - a.priority || a.eta - b.eta);
    const free = CONCURRENCY - this.running.length - this.late.length;
    for (const task of ready.slice(0, free)) {
      task.status = 'running';
      task.attempt += 1;
      task.runs += 1;
    }
  }

  private requeue(task: ModelTask, eta: number, attempt?: 'gives the attempt back'): void {
    task.status = 'queued';
    task.eta = eta;
    if (attempt) task.attempt -= 1;
  }

  private end(task: ModelTask, status: TaskStatus): void {
    task.status = status;
    task.result = RESULTS[status]!;
  }
}
