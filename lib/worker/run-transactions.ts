import type { EntityManager } from 'typeorm';
import type { Backend } from '../core/backend.js';
import { requireCapability } from '../core/capabilities/require-capability.js';
import {
  isTransactionalBackend,
  type JoinedTransaction,
  type TransactionalBackend,
} from '../core/capabilities/transactional-backend.js';
import type { PayloadCodec } from '../core/payload-codec.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { ValidationError } from '../errors/validation.error.js';
import type { TaskRun } from './task-run.js';

/** What handlers write about their runs in transactions of the application. */
export class RunTransactions {
  constructor(
    private readonly backend: Backend,
    private readonly codec: PayloadCodec,
  ) {}

  async complete(run: TaskRun, manager: EntityManager, value: unknown): Promise<void> {
    const { id, lease } = run.reserved;
    if (run.snoozeDelay !== undefined) {
      throw new ValidationError(
        `complete was called for task ${id} after snooze. Do one of the two.`,
        'value',
      );
    }
    const text = value === undefined ? null : this.codec.encode('result', value);
    await this.join(run, 'complete a task in a transaction', async (backend) => {
      const transaction = await backend.completeIn(manager, id, lease, text);
      run.completion = { kind: 'completed', value, text };
      return transaction;
    });
  }

  async fence(run: TaskRun, manager: EntityManager): Promise<void> {
    const { id, lease } = run.reserved;
    await this.join(run, 'fence a run', (backend) => backend.fenceIn(manager, id, lease));
  }

  /** The run lasts until the transaction has ended, even where its handler does not wait for it. */
  private async join(
    run: TaskRun,
    operation: string,
    write: (backend: TransactionalBackend) => Promise<JoinedTransaction>,
  ): Promise<void> {
    const joined = write(
      requireCapability(this.backend, isTransactionalBackend, 'TransactionalBackend', operation),
    );
    run.joined.push(
      joined.then(
        (transaction) => transaction.over(),
        () => undefined,
      ),
    );
    try {
      await joined;
    } catch (error) {
      if (error instanceof LeaseLostError) run.abort(error);
      throw error;
    }
  }
}
