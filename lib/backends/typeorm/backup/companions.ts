/** What SQLite puts beside a database: its log, the memory that goes with it, an older way's log. */
const ENDINGS = ['-wal', '-shm', '-journal'] as const;

/** The paths of what SQLite may have put beside a database. */
export function companionsOf(database: string): string[] {
  return ENDINGS.map((ending) => database + ending);
}
