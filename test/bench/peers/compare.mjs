import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Benchmark } from './benchmark.mjs';
import { drawCharts } from './report/chart.mjs';
import { report } from './report/report.mjs';
import { describeResults } from './results.mjs';
import { openStores } from './stores/open-stores.mjs';
import { WORKLOADS } from './workloads.mjs';

/** Measures what is asked for, prints and writes what came of it; resolves to the exit code. */
export async function compare({ rows, workloads, scale, rounds, json, partial }) {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort());
  const { stores, close } = await openStores(new Set(rows.map(({ store }) => store)));
  try {
    const possible = rows.filter((row) => isPossible(row, stores));
    const { signal } = interruption;
    const benchmark = new Benchmark({ stores, rounds, tuning: tuningAt(scale), signal });
    const leftOut = rows.filter((row) => !possible.includes(row)).map(({ title }) => title);
    const run = { rows: possible, leftOut, workloads, scale, rounds, stores, benchmark };
    let results;
    for (const workload of workloads) {
      await benchmark.measure(workload, possible);
      results = await describeResults(run);
      save(json, results);
    }
    console.log(`${report(results)}\n\nWritten to ${json}`);
    if (!partial) drawCharts(results, json);
    return benchmark.failures.length > 0 ? 1 : 0;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    console.error('Interrupted.');
    return 1;
  } finally {
    await close();
  }
}

/** W4, by which the settings are chosen. */
function tuningAt(scale) {
  const count = Math.ceil(50_000 * scale);
  const workload = WORKLOADS.find(({ id }) => id === 'W4');
  return { ...workload, count, queued: count, limit: 10_000 };
}

/** Says loudly what is left out. */
function isPossible(row, stores) {
  const store = stores[row.store];
  if (store?.accepts?.(row.storeOptions) ?? store) return true;
  const why = store
    ? 'the server that was found has another durability, and is not ours to change'
    : 'there is no redis-server to start, and none answers. Install one (Debian: redis-server), ' +
      'or set SITQ_BENCH_REDIS_URL';
  console.error(`\n!! ${row.title} is LEFT OUT: ${why}.\n`);
  return false;
}

function save(file, results) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}
