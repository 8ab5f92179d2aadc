/** Deeper values are left to the full serializer, which also knows cycles. */
const MAX_DEPTH = 32;

/**
 * Whether JSON keeps this value exactly: null, booleans, strings, finite numbers but -0, dense
 * arrays and plain objects of these, without `toJSON`, symbols or accessors that JSON would
 * interpret. A value that stands in two places counts as plain only if it is a primitive, so that
 * shared references survive through the full serializer.
 */
export function isPlainJson(value: unknown): boolean {
  return isPlain(value, 0, []);
}

function isPlain(value: unknown, depth: number, seen: object[]): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || isPlainContainer(value, depth, seen);
    default:
      return false;
  }
}

function isPlainContainer(value: object, depth: number, seen: object[]): boolean {
  // Small payloads meet few containers; a list beats a Set until it grows, then rich is fine.
  if (depth === MAX_DEPTH || seen.length > 64 || seen.includes(value)) return false;
  seen.push(value);
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length || 'toJSON' in value) return false;
    for (const item of value) if (!isPlain(item, depth + 1, seen)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return false;
    if (!isPlain((value as Record<string, unknown>)[key], depth + 1, seen)) return false;
  }
  return true;
}
