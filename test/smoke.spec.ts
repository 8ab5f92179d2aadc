import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SitqModule, Task, TaskContext, TaskQueue } from 'nestjs-sitq';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

@Injectable()
class MathTasks {
  constructor(private readonly run: TaskContext) {}
  @Task()
  async add(a: number, b: number): Promise<number> {
    this.run.progress(50);
    this.run.log('adding');
    return a + b;
  }
  @Task({ attempts: 2, backoff: 10 })
  fail(): never {
    throw new Error('boom ' + this.run.attempt);
  }
}

@Module({ providers: [MathTasks] })
class AppModule {}

for (const database of [':memory:', join(mkdtempSync(join(tmpdir(), 'sitq-')), 'a.sqlite')]) {
  test(`adds on ${database}`, async () => {
    const app = await Test.createTestingModule({
      imports: [SitqModule.forRoot({ database }), AppModule],
    }).compile();
    await app.init();
    const queue = app.get(TaskQueue);
    const handle = await queue.for(MathTasks).add(1, 2);
    expect(await handle.result({ timeout: '5s' })).toBe(3);
    const failing = await queue.for(MathTasks).fail();
    await expect(failing.result({ timeout: '5s' })).rejects.toThrow('boom 2');
    expect(await queue.counts()).toMatchObject({ completed: 1, failed: 1, queued: 0 });
    expect(await queue.getLog(handle.id)).toMatchObject([{ line: 'adding' }]);
    expect((await queue.getTask(handle.id))?.progress).toBe(50);
    expect(
      await queue.enqueueMany(
        MathTasks,
        'add',
        Array.from({ length: 2500 }, (_, i) => [i, 1] as [number, number]),
      ),
    ).toBe(2500);
    await app.close();
  });
}
