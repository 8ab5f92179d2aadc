import { Controller, Get, NotFoundException, Param, Sse } from '@nestjs/common';
import { TaskQueue, type Task } from 'nestjs-sitq';
import { distinctUntilChanged, exhaustMap, map, takeWhile, timer, type Observable } from 'rxjs';
import { isDeepStrictEqual } from 'node:util';

/** How often a follower gets news, in ms. */
const NEWS_INTERVAL = 50;

@Controller('tasks')
export class TasksController {
  constructor(private readonly queue: TaskQueue) {}

  @Get()
  counts() {
    return this.queue.counts();
  }

  @Get(':id')
  async show(@Param('id') id: string) {
    return { ...(await this.find(id)), log: await this.queue.getLog(id) };
  }

  /** Waits for the task, but not longer than a client would. */
  @Get(':id/result')
  async result(@Param('id') id: string) {
    await this.find(id);
    const result = await this.queue.getResult(id, { timeout: '10s' });
    if (!result) return { status: 'pending' };
    const { status, errorName, error } = result;
    return status === 'success'
      ? { status, value: this.queue.deserializeResult(result) }
      : { status, error: `${errorName}: ${error}` };
  }

  /** A stream of events that ends with the task. */
  @Sse(':id/progress')
  async progress(@Param('id') id: string): Promise<Observable<{ data: object }>> {
    await this.find(id);
    return timer(0, NEWS_INTERVAL).pipe(
      exhaustMap(() => this.find(id)),
      takeWhile((task) => task.finishedAt === null, true),
      map(({ status, attempt, progress }) => ({ data: { status, attempt, progress } })),
      distinctUntilChanged((before, now) => isDeepStrictEqual(before, now)),
    );
  }

  private async find(id: string): Promise<Task> {
    const task = await this.queue.getTask(id);
    if (!task) throw new NotFoundException(`There is no task '${id}'.`);
    return task;
  }
}
