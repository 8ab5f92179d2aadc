import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TypeOrmBackend } from 'nestjs-sitq';

/** Runs `work` with the path of a fresh database that has the tables of sitq, then removes it. */
export async function withDatabase(work) {
  const folder = mkdtempSync(join(tmpdir(), 'sitq-bench-'));
  const database = join(folder, 'bench.sqlite');
  try {
    const backend = new TypeOrmBackend({ database });
    await backend.open();
    await backend.close();
    return await work(database);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds that `work` takes. */
export async function seconds(work) {
  globalThis.gc?.();
  const began = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
