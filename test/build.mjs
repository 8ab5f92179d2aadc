import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/**
 * Brings `dist` up to date, for the specs that import the package as an application does. It is
 * done before any of them runs, since they run side by side.
 */
export function build() {
  const builtAt = modifiedAt(join(ROOT, 'dist/.tsbuildinfo'));
  const sources = readdirSync(join(ROOT, 'lib'), { recursive: true });
  if (sources.every((name) => modifiedAt(join(ROOT, 'lib', name)) <= builtAt)) return;
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('npm run build failed: what it said is above.');
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
