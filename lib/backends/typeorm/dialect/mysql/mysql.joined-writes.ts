import type { EntityManager } from 'typeorm';
import type { StoredContent } from '../../../../core/capabilities/transactional-backend.js';
import type { NewTask } from '../../../../core/task.js';
import type { TableNames } from '../../table-names.js';
import type { JoinedWrites } from '../joined-writes.js';
import { TASK_COLUMN_LIST, taskRow } from '../task-row.js';
import { isTaken } from './mysql.errors.js';
import { NOW } from './mysql.statements.js';

/**
 * MySQL through a connection of the application, whose character set and sql_mode may be any: so
 * text goes and comes as the bytes of its UTF-8.
 */
export class MysqlJoinedWrites implements JoinedWrites {
  readonly types = ['mysql', 'mariadb'];

  private readonly sql: ReturnType<typeof statements>;

  constructor(
    names: TableNames,
    /** Asks the same over a connection of the store. */
    private readonly ask: (text: string) => Promise<unknown>,
  ) {
    this.sql = statements(names);
  }

  async reaches(manager: EntityManager): Promise<boolean> {
    const [[row], own] = await Promise.all([
      manager.query<[{ whereabouts: string | null }]>(this.sql.whereabouts),
      this.ask(this.sql.whereabouts),
    ]);
    return row.whereabouts !== null && row.whereabouts === own;
  }

  /**
   * A refused INSERT leaves the transaction as it was; IGNORE would ignore other errors too. Which
   * ids are taken is found out one by one, since a look at those that are free would lock the
   * place where everybody else enqueues.
   */
  async insert(manager: EntityManager, tasks: readonly NewTask[]): Promise<StoredContent[]> {
    if (await this.insertAll(manager, tasks)) return [];
    const taken: StoredContent[] = [];
    for (const task of tasks) {
      while (!(await this.insertAll(manager, [task]))) {
        const [row] = await manager.query<Hex[]>(this.sql.find, [bytesOf(task.id)]);
        if (!row) continue; // it was removed meanwhile
        taken.push(contentOf(row));
        break;
      }
    }
    return taken;
  }

  /** All, or none because an id is taken. */
  private async insertAll(manager: EntityManager, tasks: readonly NewTask[]): Promise<boolean> {
    try {
      const rows = tasks.map((task) => taskRow(task).map(bytesOf));
      await manager.query(this.sql.insert, [rows]);
      return true;
    } catch (error) {
      if (isTaken((error as { driverError?: unknown }).driverError)) return false;
      throw error;
    }
  }

  async remove(manager: EntityManager, ids: readonly string[]): Promise<void> {
    for (const id of ids) await manager.query(this.sql.remove, [bytesOf(id)]);
  }

  async complete(
    manager: EntityManager,
    id: string,
    lease: number,
    result: string | null,
  ): Promise<boolean> {
    const values = [bytesOf(result), bytesOf(id), lease];
    const { affectedRows } = await manager.query<{ affectedRows: number }>(
      this.sql.complete,
      values,
    );
    return affectedRows === 1;
  }

  async hold(manager: EntityManager, id: string, lease: number): Promise<boolean> {
    return (await manager.query<unknown[]>(this.sql.hold, [bytesOf(id), lease])).length === 1;
  }
}

function statements(names: TableNames) {
  const task = names.in(`{task} FORCE INDEX (\`${names.plain('task_id')}\`)`);
  const held = `id = _utf8mb4 ? AND lease = ? AND status = 'running'`;
  return {
    /** Server, database and table; null without the table, and never an error. */
    whereabouts: `SELECT (
        SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir, HEX(table_schema), UNIX_TIMESTAMP(create_time))
        FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = '${names.plain('task')}'
      ) AS whereabouts`,
    insert: names.in(`INSERT INTO {task} (${TASK_COLUMN_LIST}) VALUES ?`),
    /** As of now, whatever the transaction has seen before. */
    find: `SELECT HEX(id) AS id, HEX(name) AS name, HEX(payload) AS payload
      FROM ${task} WHERE id = _utf8mb4 ? LOCK IN SHARE MODE`,
    remove: names.in(`DELETE FROM {task} WHERE id = _utf8mb4 ?`),
    complete: `UPDATE ${task} SET status = 'completed', result = ?, error = NULL, finished_at = ${NOW}
      WHERE ${held}`,
    hold: `SELECT seq FROM ${task} WHERE ${held} FOR UPDATE`,
  };
}

/** Text as bytes, which drivers write in hexadecimal digits; all else as it is. */
function bytesOf(value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

type Hex = Readonly<Record<'id' | 'name' | 'payload', string>>;

function contentOf({ id, name, payload }: Hex): StoredContent {
  return { id: textOf(id), name: textOf(name), payload: textOf(payload) };
}

function textOf(hex: string): string {
  return Buffer.from(hex, 'hex').toString();
}
