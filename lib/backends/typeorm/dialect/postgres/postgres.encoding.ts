/** Whether a database of this encoding holds every text; SQL_ASCII keeps bytes as they come. */
export function holdsAnyText(encoding: string): boolean {
  return encoding === 'UTF8' || encoding === 'SQL_ASCII';
}

/** What that means, as sentences. */
export function encodingNote(encoding: string): string {
  return (
    `The encoding of the database is ${encoding}, not UTF8. Tasks with characters that it does not ` +
    `have are refused; results, errors and log lines with such are stored with escapes. Move the ` +
    `tables to a database with ENCODING 'UTF8'.`
  );
}
