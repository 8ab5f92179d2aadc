/**
 * Writes a value as text in which nothing is lost: kinds of objects, -0 and NaN, holes, which
 * objects are one and the same. Two values with the same shape cannot be told apart.
 */
export function shape(value: unknown, seen: unknown[] = []): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  const at = seen.indexOf(value);
  if (at >= 0) return `#${at}`;
  seen.push(value);
  const inner = (part: unknown) => shape(part, seen);
  return `${kindOf(value)}(${contentsOf(value, inner)})`;
}

function kindOf(value: object): string {
  if (Buffer.isBuffer(value)) return 'Buffer';
  if (Object.getPrototypeOf(value) === null) return 'null-prototype';
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function contentsOf(value: object, inner: (part: unknown) => string): string {
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (ArrayBuffer.isView(value)) return bytes(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return bytes(value);
  if (value instanceof Set) return [...value].map(inner).join();
  if (value instanceof Map) return [...value].map((entry) => entry.map(inner).join('=>')).join();
  if (Array.isArray(value)) {
    const items = Array.from(value, (item: unknown, i) => (i in value ? inner(item) : 'hole'));
    return items.join();
  }
  return Object.entries(value)
    .map(([key, part]) => `${JSON.stringify(key)}:${inner(part)}`)
    .join();
}

function bytes(buffer: ArrayBufferLike, offset = 0, length = buffer.byteLength): string {
  return Buffer.from(buffer as ArrayBuffer, offset, length).toString('hex');
}
