/**
 * What JSON says, or undefined where it is none: whoever can write to the tables may have written
 * anything there, and a reader of many rows must not fail for one of them. Never throws.
 */
export function readJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    return undefined;
  }
}
