import { writeFileSync } from 'node:fs';
import { cpus, platform, release } from 'node:os';
import { findServers, leaveServers } from '../app/databases/servers.js';
import { stores } from '../app/stores.js';
import { readOptions, USAGE, type TortureOptions } from './options.js';
import { toTable } from './report.js';
import { torture, type Verdict } from './torture.js';

if (process.argv.includes('--help')) console.log(USAGE);
else process.exitCode = await main(options());

function options(): TortureOptions {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** @returns 1 when something was lost, or happened that must not. */
async function main({ faults, json, kinds, plan }: TortureOptions): Promise<number> {
  await findServers();
  const verdicts: Verdict[] = [];
  console.log(`seed ${plan.seed}`);
  for (const kind of stores().filter((each) => kinds.includes(each))) {
    for (const fault of faults.filter((each) => each.kinds.includes(kind))) {
      const missing = fault.missing?.();
      console.log(`${kind}: ${fault.title}${missing ? ` is NOT tried: ${missing}` : ''}`);
      if (missing) continue;
      const verdict = await torture(fault, kind, plan);
      console.log(`  ${verdict.cycles} cycles, ${verdict.tasks} tasks, ${verdict.lost} lost`);
      for (const violation of verdict.violations) console.error(`  ${violation}`);
      verdicts.push(verdict);
    }
  }
  await leaveServers();
  console.log(`\n${toTable(verdicts)}`);
  const machine = `${cpus().length} x ${cpus()[0]?.model}, ${platform()} ${release()}`;
  const report = { at: new Date().toISOString(), machine, node: process.version, plan, verdicts };
  if (json) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return verdicts.some(({ violations }) => violations.length > 0) ? 1 : 0;
}
