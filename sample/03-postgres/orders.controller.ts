import {
  Body,
  Controller,
  DefaultValuePipe,
  Get,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
} from '@nestjs/common';
import { TaskQueue } from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import { randomUUID } from 'node:crypto';
import { Order } from './order.entities.js';
import { OrderTasks } from './order.tasks.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: TaskQueue,
  ) {}

  /** One transaction: there is no order without a task, and no task without an order. */
  @Post()
  async create(
    @Body('customer', new DefaultValuePipe('somebody')) customer: string,
    @Body('cents', ParseIntPipe) cents: number,
  ) {
    const id = randomUUID();
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id, customer, cents });
      await this.queue.for(OrderTasks, { id, manager }).invoice(id);
    });
    return { id, invoice: `/orders/${id}/invoice` };
  }

  /** The order, and how far its task is. */
  @Get(':id')
  async show(@Param('id') id: string) {
    const { status, attempt, workerId: worker } = await this.taskOf(id);
    const order = await this.dataSource.manager.findOneBy(Order, { id });
    return { ...order, task: { status, attempt, worker } };
  }

  /** Waits for the worker, in whatever process it is; but not longer than a client would. */
  @Get(':id/invoice')
  async invoice(@Param('id') id: string) {
    await this.taskOf(id);
    const result = await this.queue.getResult(id, { timeout: '10s' });
    if (!result) return { status: 'pending' };
    const { status, error } = result;
    return status === 'success' ? this.queue.deserializeResult(result) : { status, error };
  }

  private async taskOf(id: string) {
    const task = await this.queue.getTask(id);
    if (!task) throw new NotFoundException(`There is no order '${id}'.`);
    return task;
  }
}
