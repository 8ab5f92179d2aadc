import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from 'typeorm';
import type { Backend } from '../core/backend.js';
import { isBulkBackend } from '../core/capabilities/bulk-backend.js';
import { requireCapability } from '../core/capabilities/require-capability.js';
import {
  isTransactionalBackend,
  type StoredContent,
} from '../core/capabilities/transactional-backend.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import type { NewTask } from '../core/task.js';
import { ValidationError } from '../errors/validation.error.js';

/** Puts tasks into the backend. */
export class TaskStore {
  constructor(
    private readonly backend: Backend,
    private readonly codec: PayloadCodec,
  ) {}

  /** @param manager of the transaction in which to write; without one it is the store's own. */
  put(tasks: readonly NewTask[], manager: EntityManager | undefined): Promise<void> {
    if (manager === undefined) return this.storeApart(tasks);
    const backend = requireCapability(
      this.backend,
      isTransactionalBackend,
      'TransactionalBackend',
      'enqueue in a transaction (manager)',
    );
    return backend.enqueueTasksIn(manager, tasks, (stored, task) => this.isSame(stored, task));
  }

  private storeApart(tasks: readonly NewTask[]): Promise<void> {
    return this.storeAll(tasks).catch(async (error: unknown) => {
      // An encrypting serializer never writes the same text twice: compare what it means.
      if (!(error instanceof ValidationError) || error.option !== 'id') throw error;
      const known = await Promise.all(tasks.map((task) => this.isStored(task)));
      if (!known.includes(true)) throw error;
      await this.storeAll(tasks.filter((_, i) => !known[i]));
    });
  }

  private async storeAll(tasks: readonly NewTask[]): Promise<void> {
    if (tasks.length === 1) return this.backend.enqueueTask(tasks[0]!);
    if (isBulkBackend(this.backend)) return this.backend.enqueueTasks(tasks);
    await Promise.all(tasks.map((task) => this.backend.enqueueTask(task)));
  }

  private async isStored(task: NewTask): Promise<boolean> {
    const stored = await this.backend.getTask(task.id);
    return stored !== null && this.isSame(stored, task);
  }

  private isSame(stored: StoredContent, { name, payload }: NewTask): boolean {
    if (stored.name !== name) return false;
    if (stored.payload === payload) return true;
    return isDeepStrictEqual(this.codec.decode(stored.payload), this.codec.decode(payload));
  }
}
