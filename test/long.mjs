import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/** What `npm test` has no time for; some hours in all. */
const USAGE = `npm run test:long -- [options]

  --minutes  how long each fault goes on, on each database, with each seed (default: 2)
  --seed     the second one; the first is that of every run (default: by the clock)`;

/** That of `npm test`, so that figures can be compared from run to run. */
const SEED = '20261122';

const { minutes, seed } = readOptions();
const torture = (chosen) => ['run', 'torture', '--', '--minutes', minutes, '--seed', chosen];
const inNumbers = ['boot', 'cli', 'exactly-once', 'faults', 'torture'].map(
  (name) => `test/${name}.spec.ts`,
);
const parts = [
  ['a server away for a minute', ['run', 'test:outage']],
  [`many at once and again, seed ${SEED}`, ['test', '--', ...inNumbers], SEED],
  [`many at once and again, seed ${seed}`, ['test', '--', ...inNumbers], seed],
  [`every fault, seed ${SEED}`, torture(SEED)],
  [`every fault, seed ${seed}`, torture(seed)],
  ['mistakes that the torture must find', ['run', 'torture:mutants']],
  ['a million tasks', ['run', 'torture:soak']],
];

const failed = parts.filter(([what, args, long]) => {
  console.log(`\n== ${what}: npm ${args.join(' ')}`);
  const env = { ...process.env, ...(long && { SITQ_TEST_LONG: long }) };
  return spawnSync('npm', args, { stdio: 'inherit', env }).status !== 0;
});
for (const [what] of failed) console.error(`failed: ${what}`);
console.log(`\n${parts.length - failed.length} of ${parts.length} passed`);
process.exitCode = failed.length > 0 ? 1 : 0;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '2' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      },
    });
    return values;
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
