import type { StoreSettings } from '../store-settings.js';
import type { TableNames } from '../table-names.js';

/** How the tables of a server are backed up and restored, by its own tools. */
export function dumpAdvice(
  { kind, connection }: StoreSettings,
  place: string,
  names: TableNames,
): string {
  const database = place.slice(place.lastIndexOf('/') + 1);
  const tables = names.all();
  if (kind === 'postgres') {
    const listed = tables.map((table) => `--table=${patternOf(table)}`).join(' ');
    return (
      `Tasks in ${place} are backed up with the server's own tools: pg_dump --format=custom ` +
      `--file=FILE ${listed} ${database}, or the whole database without --table. They come back ` +
      `with: pg_restore --clean --if-exists --single-transaction --dbname=${database} FILE, while ` +
      `no process works on them.`
    );
  }
  const client = connection.type === 'mariadb' ? 'mariadb' : 'mysql';
  const dump = client === 'mariadb' ? 'mariadb-dump' : 'mysqldump';
  return (
    `Tasks in ${place} are backed up with the server's own tools: ${dump} --single-transaction ` +
    `${database} ${tables.join(' ')} > FILE, or the whole database without the names. They come ` +
    `back with: ${client} ${database} < FILE, while no process works on them.`
  );
}

/** What pg_dump takes for this name: without quotes it would look for small letters. */
function patternOf(table: string): string {
  return /[A-Z]/.test(table) ? `'"${table.replace('.', '"."')}"'` : table;
}
