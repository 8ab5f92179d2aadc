/**
 * Text with each character beyond ASCII as JSON would escape it: JSON stays the same JSON, and
 * every database can hold it.
 */
export function inAscii(text: string): string {
  return text.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
