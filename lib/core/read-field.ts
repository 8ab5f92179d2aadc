/** A field of what may be any object; undefined where an accessor throws. Never throws. */
export function readField(source: object, key: string): unknown {
  try {
    return (source as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
