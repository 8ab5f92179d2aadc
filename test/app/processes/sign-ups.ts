import { Inject, Injectable } from '@nestjs/common';
import { Propagation, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import type { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { EntitySchema } from 'typeorm';
import { Task, TaskQueue } from '../../../lib/index.js';

type Host = TransactionHost<TransactionalAdapterTypeOrm>;

/** A table of the application. */
export const customers = new EntitySchema<{ name: string }>({
  name: 'customer',
  columns: { name: { type: 'varchar', length: 100, primary: true } },
});

@Injectable()
export class Mails {
  @Task()
  send(to: string): string {
    return `sent to ${to}`;
  }
}

/** What rolls a transaction back. */
export class Undo extends Error {}

/** Services of an application whose transactions are those of a host: none passes a manager on. */
@Injectable()
export class SignUps {
  constructor(
    @Inject(TaskQueue) private readonly queue: TaskQueue,
    @Inject(TransactionHost) private readonly host: Host,
  ) {}

  /** The tasks have the names as ids. */
  @Transactional()
  async signUp(name: string, fail = false): Promise<void> {
    await this.host.tx.insert(customers, { name });
    await this.queue.for(Mails, { id: name }).send(name);
    if (fail) throw new Undo();
  }

  @Transactional()
  async nested(kept: string, dropped: string): Promise<void> {
    await this.signUp(kept);
    await this.host
      .withTransaction(Propagation.Nested, () => this.signUp(dropped, true))
      .catch(() => undefined);
  }

  @Transactional()
  async many(...names: string[]): Promise<void> {
    const argsOfEach = names.map((name): [string] => [name]);
    await this.queue.enqueueMany(Mails, 'send', argsOfEach, { id: ([name]) => name });
    throw new Undo();
  }

  @Transactional()
  async optOut(name: string): Promise<void> {
    await this.queue.enqueue('Mails.send', [name], { id: name, manager: null });
    throw new Undo();
  }

  async outside(name: string): Promise<void> {
    await this.queue.for(Mails, { id: name }).send(name);
  }

  @Transactional()
  async suspended(name: string): Promise<void> {
    await this.host.withTransaction(Propagation.NotSupported, () => this.outside(name));
    throw new Undo();
  }

  /** Does not wait for the enqueue, which on SQLite waits for the transaction. */
  async unjoined(name: string): Promise<void> {
    let enqueued: Promise<void> | undefined;
    const undoing = this.host.withTransaction(async () => {
      enqueued = this.outside(name);
      throw new Undo();
    });
    await undoing.catch(() => undefined);
    await enqueued;
  }
}
