import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../compile.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SQLITE = 'lib/backends/typeorm/dialect/sqlite';

/** Mistakes in the queue, and the fault that has to find each of them. */
const MUTANTS = [
  {
    name: 'no lease check',
    file: `${SQLITE}/sqlite.statements.js`,
    from: `id = ? AND lease = ? AND status = 'running'`,
    to: `id = ? AND lease >= ? AND status = 'running'`,
    run: ['--db', 'sqlite', '--fault', 'pause', '--cycles', '2'],
  },
  {
    name: 'attempt not counted at the claim',
    file: `${SQLITE}/sqlite.statements.js`,
    from: "attempt = ${nextOf('attempt')}",
    to: 'attempt = attempt',
    run: ['--db', 'sqlite', '--fault', 'poison', '--cycles', '1'],
  },
  {
    name: 'relaxed sync where full was promised',
    file: `${SQLITE}/sqlite.dialect.js`,
    from: `? 'FULL' : 'NORMAL'`,
    to: `? 'NORMAL' : 'NORMAL'`,
    run: ['--db', 'sqlite', '--fault', 'power-cut', '--cycles', '3'],
  },
  {
    name: 'deferred BEGIN',
    file: `${SQLITE}/sqlite.statements.js`,
    from: 'BEGIN IMMEDIATE',
    to: 'BEGIN DEFERRED',
    run: ['--db', 'sqlite', '--fault', 'lock-holder', '--cycles', '3'],
    harmless: 'what meets a lock is done again, whenever it meets it',
  },
  {
    name: `not in the application's transaction`,
    file: 'lib/queue/task-store.js',
    from: 'if (manager === undefined)',
    to: 'if (manager !== null)',
    run: ['--db', 'sqlite', '--fault', 'rollback', '--cycles', '20'],
  },
  {
    name: 'nobody takes over from the dead',
    file: `${SQLITE}/sqlite.rescue.js`,
    from: 'if (registered.has(task.workerId))',
    to: 'if (task.workerId)',
    run: ['--db', 'sqlite', '--fault', 'worker-death', '--cycles', '5'],
  },
  {
    name: 'no heartbeat beside a blocked event loop',
    file: 'lib/worker/heartbeat/heartbeat-thread.js',
    from: 'this.thread = new Thread',
    to: 'if (this.parts.lease) return; this.thread = new Thread',
    run: ['--db', 'sqlite', '--fault', 'blocked', '--cycles', '2'],
  },
  {
    name: 'the clock of the worker decides',
    file: 'lib/backends/typeorm/dialect/postgres/postgres.statements.js',
    from: 'AND t.eta <= ${NOW}`',
    to: 'AND t.eta <= ${Date.now() + 3_600_000}`',
    run: ['--db', 'postgres', '--fault', 'clock', '--cycles', '20'],
  },
  {
    name: 'wake-up only',
    file: 'lib/worker/claimer.js',
    from: 'let until = settings.pollInterval;',
    to: 'let until = Infinity;',
    run: ['--db', 'sqlite', '--fault', 'deaf', '--cycles', '3'],
  },
];

await compile();
const only = process.argv[2];
const survivors = MUTANTS.filter(({ name }) => !only || name.includes(only)).filter(survives);
process.exitCode = survivors.length > 0 ? 1 : 0;

/** Whether the fault does not notice it. */
function survives({ name, file, from, to, run, harmless }) {
  const folder = join(ROOT, 'build/mutant');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(ROOT, 'build/test'), folder, { recursive: true });
  const target = join(folder, file);
  const source = readFileSync(target, 'utf8');
  if (!source.includes(from)) throw new Error(`${name}: ${file} has no '${from}' any more.`);
  writeFileSync(target, source.replaceAll(from, to));
  const main = join(folder, 'test/torture/main.js');
  const { status, stderr } = spawnSync(process.execPath, [main, ...run, '--seed', '1'], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true, force: true });
  const caught = status === 1;
  const why = stderr.split('\n').find((line) => /^ {2}\S/.test(line)) ?? '';
  const verdict = caught ? 'caught' : harmless ? `harmless, since ${harmless}` : 'NOT CAUGHT';
  console.log(`${verdict}: ${name} (${run.join(' ')}) ${why.trim().slice(0, 150)}`);
  return !caught && !harmless;
}
