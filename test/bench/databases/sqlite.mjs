import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TypeOrmBackend } from 'nestjs-sitq';
import { RawSqlite } from './raw.sqlite.mjs';

/** What `npm run bench` measures by default. */
export const sqlite = {
  name: 'SQLite',
  Raw: RawSqlite,
  durabilities: ['full', 'relaxed'],
  bars: { one: 0.7, hundred: 0.4, many: 0.5, drain: 0.5, deep: 0.9 },
  pickUp: { same: [0.5, 3], other: [2, 6] },
  ones: { full: 3000, relaxed: 20_000 },
  concurrencies: [100, 200, 500],
  rawBatch: 100,
  withStore,
  async close() {},
};

/** Runs `work` on a fresh database that has the tables of sitq and so many tasks, then removes it. */
async function withStore({ durability = 'full', tasks = 0 }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'sitq-bench-'));
  const store = { database: join(folder, 'bench.sqlite'), durability };
  try {
    const backend = new TypeOrmBackend(store);
    await backend.open();
    await backend.close();
    if (tasks > 0) {
      const raw = await RawSqlite.open({ ...store, durability: 'relaxed' });
      await raw.enqueue(tasks, 1000);
      raw.close();
    }
    return await work(store);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
