import Database from 'better-sqlite3';

/**
 * Makes of the one row in a table so many: for peers without a bulk enqueue. All columns are
 * copied but the id, which SQLite counts, and those that have an expression of their own.
 */
export function multiplyRows({ file, table, count, own = {}, Driver = Database }) {
  const db = new Driver(file);
  const columns = db
    .pragma(`table_info(${table})`)
    .map(({ name }) => name)
    .filter((name) => name !== 'id');
  const values = columns.map((name) => own[name] ?? name);
  db.exec(
    `WITH RECURSIVE copies(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM copies WHERE n < ${count})
     INSERT INTO ${table} (${columns}) SELECT ${values} FROM copies CROSS JOIN ${table}
     WHERE ${count} > 1`,
  );
  db.close();
}
