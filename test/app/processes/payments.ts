import { Inject, Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, EntitySchema, type EntityManager } from 'typeorm';
import { Task, TaskContext, TaskQueue } from '../../../lib/index.js';
import { append, tell } from './parent.js';
import type { Receipt, WorkerConfig } from './protocol.js';
import { WORKER_CONFIG } from './process-tasks.js';

/** What a handler did to the world. Nothing in the database keeps it from happening twice. */
export const payments = new EntitySchema<Payment>({
  name: 'payment',
  columns: {
    task: { type: 'varchar', length: 200, primary: true },
    lease: { type: 'integer', primary: true },
    worker: { type: 'varchar', length: 50, primary: true },
  },
});

export const CREATE_PAYMENTS =
  'CREATE TABLE payment (task VARCHAR(200), lease INTEGER, worker VARCHAR(50))';

export type Payment = Pick<Receipt, 'task' | 'lease' | 'worker'>;

/** Handlers whose effects are rows of the application. */
@Injectable()
export class Payments {
  private readonly gates = new Map<string, () => void>();

  constructor(
    @Inject(WORKER_CONFIG) private readonly config: WorkerConfig,
    @Inject(TaskContext) private readonly run: TaskContext,
    @Inject(TaskQueue) private readonly queue: TaskQueue,
    @Inject(DataSource) private readonly dataSource: DataSource,
  ) {}

  /** Pays and completes in one transaction, with time to die at every step. */
  @Task({ name: 'pay', attempts: 100, backoff: 10 })
  async pay(ms: number): Promise<void> {
    const receipt = await this.receipt('start');
    await this.dataSource.transaction(async (manager) => {
      await this.insert(manager, receipt);
      await sleep(ms);
      await this.run.complete(manager, receipt);
      await sleep(ms);
    });
    await sleep(ms);
    this.record('end', receipt);
  }

  /** As `pay`, but one transaction at a time: all that TypeORM has on SQLite. */
  @Task({ name: 'pay-in-turn', attempts: 100, backoff: 10, concurrency: 1 })
  payInTurn(ms: number): Promise<void> {
    return this.pay(ms);
  }

  /** Waits to be released; commits only if nobody else has got the task meanwhile. */
  @Task({ backoff: 0 })
  async fenced(when: 'before it writes' | 'after it wrote'): Promise<Receipt> {
    const receipt = await this.receipt('start');
    await this.dataSource.transaction(async (manager) => {
      if (when === 'after it wrote') await this.insert(manager, receipt);
      await this.untilReleased(receipt);
      await this.run.fence(manager);
      if (when === 'before it writes') await this.insert(manager, receipt);
    });
    this.record('end', receipt);
    return receipt;
  }

  /** The same with what it completes. */
  @Task({ backoff: 0 })
  async completed(when: 'before it writes' | 'after it wrote'): Promise<void> {
    const receipt = await this.receipt('start');
    await this.dataSource.transaction(async (manager) => {
      if (when === 'after it wrote') await this.insert(manager, receipt);
      await this.untilReleased(receipt);
      if (when === 'before it writes') await this.insert(manager, receipt);
      await this.run.complete(manager, receipt);
    });
    this.record('end', receipt);
  }

  release(task: string): void {
    this.gates.get(task)?.();
  }

  private untilReleased({ task }: Receipt): Promise<void> {
    tell({ event: 'waiting' });
    return new Promise((resolve) => this.gates.set(task, resolve));
  }

  private async insert(manager: EntityManager, { task, lease, worker }: Receipt): Promise<void> {
    await manager.insert(payments, { task, lease, worker });
  }

  private async receipt(step: 'start'): Promise<Receipt> {
    const { id: task, attempt, workerId } = this.run.task;
    const stored = await this.queue.backend.getTask(task);
    const lease = stored?.workerId === workerId ? stored!.lease : 0;
    const receipt = { task, attempt, lease, worker: this.config.name };
    this.record(step, receipt);
    return receipt;
  }

  private record(step: 'start' | 'end', receipt: Receipt): void {
    const entry = { ...receipt, step, at: Date.now() };
    append(this.config.ledger, entry);
    tell({ event: 'handler', ...entry });
  }
}
