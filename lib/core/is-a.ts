/** `instanceof` for what a handler threw, which may be a proxy that cannot be asked. Never throws. */
export function isA<T>(value: unknown, kind: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}
