/**
 * Text that every database accepts: no NUL, no lone surrogates, at most so many bytes of UTF-8.
 */
export function safeText(text: string, maxBytes: number): string {
  const short = text.length > maxBytes ? text.slice(0, maxBytes) : text;
  // A Buffer turns lone surrogates into the replacement character.
  const bytes = Buffer.from(short.replaceAll('\0', '\u2400'));
  if (bytes.length <= maxBytes) return bytes.toString();
  // Cut before the character that would not fit: its continuation bytes begin with 10.
  let end = maxBytes;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
