import type { Pool } from 'mysql2';
import type { DataSource } from 'typeorm';

/**
 * What an administrator sets, so that nobody reads or writes whole tables by mistake, would refuse
 * statements of ours and of TypeORM, or cut rows off.
 */
const LIFT = `SET SESSION sql_safe_updates = 0, sql_big_selects = 1,
  sql_select_limit = 18446744073709551615`;

/** On every connection of the pool, those to come included, before anything else. */
export async function liftCaution(dataSource: DataSource): Promise<void> {
  const { pool } = dataSource.driver as unknown as { pool: Pool };
  pool.on('connection', (connection) => {
    connection.query(LIFT, () => undefined); // one that is lost already shows that itself
  });
  await dataSource.query(LIFT); // the pool has one connection so far
}
