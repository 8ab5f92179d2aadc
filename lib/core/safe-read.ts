/** A field of whatever a handler threw; undefined where reading it throws. */
export function safeRead(source: object, key: string): unknown {
  try {
    return (source as Record<string, unknown>)[key];
  } catch {
    return undefined; // a throwing accessor
  }
}
