/** The text of any value, for logs and stored errors. Never throws. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that has no text';
  }
}
