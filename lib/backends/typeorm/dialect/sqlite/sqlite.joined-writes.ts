import { statSync } from 'node:fs';
import type { EntityManager } from 'typeorm';
import type { StoredContent } from '../../../../core/capabilities/transactional-backend.js';
import type { Clock } from '../../../../core/clock.js';
import type { NewTask } from '../../../../core/task.js';
import { BackendError } from '../../../../errors/backend.error.js';
import type { TableNames } from '../../table-names.js';
import type { OpenTransaction } from '../../transactions/open-transaction.js';
import { transactionOf } from '../../transactions/transaction-watch.js';
import type { JoinedWrites } from '../joined-writes.js';
import { TASK_COLUMN_LIST, taskRow } from '../task-row.js';

/** Rows per statement: TypeORM keeps few texts prepared, so there are two of them. */
const ROWS = 25;
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
const HELD = `id = ? AND lease = ? AND status = 'running'`;
/** The texts of a JSON array. */
const LISTED = '(SELECT value FROM json_each(?))';

/** SQLite through the connection of the application, which must be one to the same file. */
export class SqliteJoinedWrites implements JoinedWrites {
  readonly types = ['better-sqlite3'];
  /** Transactions with the write lock; there may be several DataSources on the file. */
  private readonly holders = new Set<OpenTransaction>();

  constructor(
    private readonly file: string,
    private readonly names: TableNames,
    private readonly clock: Clock,
  ) {}

  /** Whether a transaction of this process holds the lock, as far as is known here. */
  get isHoldingLock(): boolean {
    for (const transaction of this.holders) {
      if (transaction.isOpen) return true;
      this.holders.delete(transaction);
    }
    return false;
  }

  async reaches(manager: EntityManager): Promise<boolean> {
    const databases: { name: string; file: string }[] = await manager.query('PRAGMA database_list');
    const main = databases.find(({ name }) => name === 'main');
    return main !== undefined && isSameFile(main.file, this.file);
  }

  async insert(manager: EntityManager, tasks: readonly NewTask[]): Promise<StoredContent[]> {
    const free = new Set<string>();
    for (let at = 0; at < tasks.length;) {
      const rows = tasks.length - at >= ROWS ? ROWS : 1;
      const values = tasks.slice(at, at + rows).flatMap(taskRow);
      const added = await this.query<{ id: string }>(
        manager,
        `INSERT INTO {task} (${TASK_COLUMN_LIST}) VALUES ${Array(rows).fill(ROW).join(', ')}
         ON CONFLICT (id) DO NOTHING RETURNING id`,
        values,
      );
      for (const { id } of added) free.add(id);
      at += rows;
    }
    const taken = tasks.flatMap(({ id }) => (free.has(id) ? [] : [id]));
    if (taken.length === 0) return [];
    const text = `SELECT id, name, payload FROM {task} WHERE id IN ${LISTED}`;
    return this.query(manager, text, [JSON.stringify(taken)]);
  }

  async remove(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await this.query(manager, `DELETE FROM {task} WHERE id IN ${LISTED}`, [JSON.stringify(ids)]);
  }

  async complete(
    manager: EntityManager,
    id: string,
    lease: number,
    result: string | null,
  ): Promise<boolean> {
    const done = await this.query(
      manager,
      `UPDATE {task} SET status = 'completed', result = ?, error = NULL, finished_at = ?
       WHERE ${HELD} RETURNING id`,
      [result, this.clock.now(), id, lease],
    );
    return done.length === 1;
  }

  /** An UPDATE that changes nothing takes the lock of the whole file: nobody else writes then. */
  async hold(manager: EntityManager, id: string, lease: number): Promise<boolean> {
    const text = `UPDATE {task} SET lease = lease WHERE ${HELD} RETURNING id`;
    return (await this.query(manager, text, [id, lease])).length === 1;
  }

  private async query<R>(manager: EntityManager, text: string, values: unknown[]): Promise<R[]> {
    try {
      const rows: R[] = await manager.query(this.names.in(text), values);
      const transaction = transactionOf(manager);
      if (transaction) this.holders.add(transaction);
      return rows;
    } catch (error) {
      const code = String((error as { code?: unknown }).code);
      throw code.startsWith('SQLITE_BUSY') ? lockedOut(code) : error;
    }
  }
}

function lockedOut(code: string): BackendError {
  return new BackendError(
    `The transaction cannot write: another connection holds the lock, or has written since this ` +
      `transaction began to read (${code}). Run the transaction again; one that begins with a ` +
      `write, such as TaskContext.fence, cannot be overtaken.`,
    { transient: true },
  );
}

/** By what the file is, not by how it was called. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
