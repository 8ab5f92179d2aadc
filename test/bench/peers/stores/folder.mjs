import { mkdirSync, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const IN_MEMORY = 0x01021994; // tmpfs
const BESIDE = fileURLToPath(new URL('../node_modules/.bench', import.meta.url));

/** A folder of this run for data, on a disk: in memory nobody would pay for durability. */
export function createFolder() {
  if (statfsSync(tmpdir()).type !== IN_MEMORY) return mkdtempSync(join(tmpdir(), 'sitq-peers-'));
  mkdirSync(BESIDE, { recursive: true });
  return mkdtempSync(join(BESIDE, 'run-'));
}
