import { existsSync, readFileSync } from 'node:fs';
import { installPeers } from './install.mjs';
import { readOptions } from './options.mjs';
import { drawCharts } from './report/chart.mjs';
import { markdown } from './report/markdown.mjs';

/**
 * `npm run bench:peers`: sitq and other task queues, in turn, on the same work. It takes an hour;
 * less with
 *
 * - `--only W1,W4`, `--stores sqlite,postgres,redis`, `--peers plainjob,bullmq` for a part of it,
 * - `--rounds 1`, `--scale 0.01` (a fraction of the counts) to try it out,
 * - `--json file` for where the results go, `--chart` to draw them again without measuring, and to
 *   print them as a table for the README.
 *
 * PostgreSQL is that of `SITQ_BENCH_POSTGRES_URL`, one on this machine, or the embedded one; Redis
 * is one of our own, or that of `SITQ_BENCH_REDIS_URL` or of this machine.
 */
const options = readOptions();
if (options.chart) {
  if (!existsSync(options.json)) throw new Error(`There is no ${options.json} to draw.`);
  const results = JSON.parse(readFileSync(options.json, 'utf8'));
  drawCharts(results, options.json);
  console.log(markdown(results));
} else {
  installPeers();
  const { compare } = await import('./compare.mjs'); // needs what is installed now
  process.exitCode = await compare(options);
}
