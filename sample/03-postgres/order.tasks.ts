import { Injectable } from '@nestjs/common';
import { Task, TaskContext } from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { Invoice, Order } from './order.entities.js';

const VAT = 0.19;

/** What runs in the workers. */
@Injectable()
export class OrderTasks {
  constructor(
    private readonly dataSource: DataSource,
    private readonly run: TaskContext,
  ) {}

  /**
   * The invoice and the end of its task are one transaction: a worker that dies leaves neither, so
   * the next one can simply begin anew; one that is late cannot write a second invoice.
   */
  @Task({ attempts: 10 })
  async invoice(orderId: string): Promise<void> {
    await sleep(20); // the tax office has to approve, say
    await this.dataSource.transaction(async (manager) => {
      const order = await manager.findOneByOrFail(Order, { id: orderId });
      const cents = Math.round(order.cents * (1 + VAT));
      const invoice = { orderId, cents, worker: this.run.task.workerId! };
      await manager.insert(Invoice, invoice);
      await this.run.complete(manager, invoice);
    });
  }
}
