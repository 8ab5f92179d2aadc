import { readJson } from './read-json.js';

/** Reads the map that is stored with a task: what of it is text. */
export function readMeta(text: string | null): Record<string, string> {
  const stored = text === null ? undefined : readJson(text);
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return {};
  const entries = Object.entries(stored).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(entries) as Record<string, string>;
}
