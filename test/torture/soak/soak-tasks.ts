import { Injectable } from '@nestjs/common';
import { DoNotRetryError, Task, TaskContext } from '../../../lib/index.js';

/** Handlers that succeed, fail, fail for good and report, each in its share. */
@Injectable()
export class SoakTasks {
  constructor(private readonly run: TaskContext) {}

  @Task({ attempts: 3, backoff: 0 })
  async step(n: number): Promise<{ n: number; attempt: number }> {
    const { task } = this.run;
    if (n % 1000 === 7) throw new DoNotRetryError(`${n} is out of luck`);
    if (n % 10 === 3 && task.attempt === 1) await Promise.reject(new Error(`${n} needs two`));
    if (n % 100 === 5) this.run.log(`${n} is under way`);
    return { n, attempt: task.attempt };
  }

  /** How many of the tasks 0 to `tasks - 1` end as failed. */
  static failuresOf(tasks: number): number {
    return Math.floor((tasks - 8) / 1000) + 1;
  }
}
