import { Controller, Get } from '@nestjs/common';
import { TaskQueue } from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { Invoice, Order } from './order.entities.js';

@Controller()
export class StatsController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: TaskQueue,
  ) {}

  /** Every worker on this database, in whatever process and on whatever machine. */
  @Get('workers')
  workers() {
    return this.queue.workers();
  }

  /** How many orders there are, how many invoices each worker has written, and what is open. */
  @Get('stats')
  async stats() {
    const invoices = await this.dataSource
      .createQueryBuilder(Invoice, 'invoice')
      .select('worker')
      .addSelect('count(*)::int', 'count')
      .groupBy('worker')
      .getRawMany<{ worker: string; count: number }>();
    const orders = await this.dataSource.manager.count(Order);
    return { orders, invoices, tasks: await this.queue.counts() };
  }
}

export type Stats = Awaited<ReturnType<StatsController['stats']>>;
