import { existsSync, readFileSync } from 'node:fs';

/** Reads a file of JSON lines; none when it is not there. */
export function readLines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as T);
}
