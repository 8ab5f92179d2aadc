import type { EntityManager } from 'typeorm';
import type { StoredContent } from '../../../../core/capabilities/transactional-backend.js';
import type { NewTask } from '../../../../core/task.js';
import type { TableNames } from '../../table-names.js';
import type { JoinedWrites } from '../joined-writes.js';
import { INSERT, insertColumns } from './postgres.insert.js';
import { NOW } from './postgres.statements.js';

const HELD = `id = $1 AND lease = $2 AND status = 'running'`;

/**
 * PostgreSQL through a connection of the application. What changes rows stands in a WITH, so that
 * TypeORM always gives back plain rows.
 */
export class PostgresJoinedWrites implements JoinedWrites {
  readonly types = ['postgres'];

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

  async insert(manager: EntityManager, tasks: readonly NewTask[]): Promise<StoredContent[]> {
    const added = await manager.query<{ id: string }[]>(this.sql.insert, insertColumns(tasks));
    if (added.length === tasks.length) return [];
    const free = new Set(added.map(({ id }) => id));
    const taken = tasks.flatMap(({ id }) => (free.has(id) ? [] : [id]));
    return manager.query(this.sql.find, [taken]);
  }

  async remove(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await manager.query(this.sql.remove, [ids]);
  }

  async complete(
    manager: EntityManager,
    id: string,
    lease: number,
    result: string | null,
  ): Promise<boolean> {
    const done = await manager.query<unknown[]>(this.sql.complete, [id, lease, result]);
    return done.length === 1;
  }

  async hold(manager: EntityManager, id: string, lease: number): Promise<boolean> {
    return (await manager.query<unknown[]>(this.sql.hold, [id, lease])).length === 1;
  }
}

function statements(names: TableNames) {
  return {
    /** Server, database and table; null without the table, and never an error. */
    whereabouts: names.in(
      `SELECT pg_postmaster_start_time() || ' ' || current_database() || ' ' ||
        to_regclass('{task}')::oid AS whereabouts`,
    ),
    insert: names.in(`WITH added AS (${INSERT} RETURNING id) SELECT id FROM added`),
    find: names.in(`SELECT id, name, payload FROM {task} WHERE id = ANY($1::text[])`),
    remove: names.in(`DELETE FROM {task} WHERE id = ANY($1::text[])`),
    complete: names.in(`WITH done AS (
        UPDATE {task} SET status = 'completed', result = $3, error = NULL, finished_at = ${NOW}
        WHERE ${HELD} RETURNING id
      ) SELECT id FROM done`),
    /**
     * The weakest lock that FOR UPDATE SKIP LOCKED steps over, which claims and rescues use; a
     * report or a cancel from elsewhere does not wait for it.
     */
    hold: names.in(`SELECT id FROM {task} WHERE ${HELD} FOR KEY SHARE`),
  };
}
