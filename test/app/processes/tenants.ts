import { Injectable } from '@nestjs/common';
import { ClsService } from 'nestjs-cls';
import { Task, TaskQueue } from '../../../lib/index.js';

/** Work for tenants, which are known by the store of `nestjs-cls`. */
@Injectable()
export class Tenants {
  constructor(
    private readonly cls: ClsService,
    private readonly queue: TaskQueue,
  ) {}

  /** Resolves to the tenant of whom it begins, if there is one. */
  @Task()
  async work(tenant: string): Promise<string | null> {
    const before = this.cls.isActive() ? this.cls.get<string>('tenant') : null;
    this.cls.enter();
    this.cls.set('tenant', tenant);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.cls.get('tenant') !== tenant) throw new Error(`tenant ${tenant} was lost`);
    return before;
  }

  /** A request of each of so many tenants, which wait for their tasks. */
  serve(count: number): Promise<(string | null)[]> {
    const requests = Array.from({ length: count }, (_, i) =>
      this.cls.run(async () => {
        this.cls.set('tenant', `tenant ${i}`);
        const task = await this.queue.for(Tenants).work(`worker's ${i}`);
        const seen = await task.result({ timeout: '20s' });
        if (this.cls.get('tenant') !== `tenant ${i}`) throw new Error(`tenant ${i} was lost`);
        return seen;
      }),
    );
    return Promise.all(requests);
  }
}
