import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories: string[] = [];

/** Path of a database file in a directory of its own, which goes when the spec has ended. */
export function tempFile(name = 'tasks.sqlite'): string {
  return join(tempDirectory(), name);
}

export function tempDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sitq-'));
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});
