/** A short text of any value for a message. Never throws. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return `'${onOneLine(value.slice(0, 80))}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value).slice(0, 80);
  } catch {
    return 'an object';
  }
}

/** Nobody who chooses a value gets to write a line of a log. */
function onOneLine(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cs}]/gu,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
