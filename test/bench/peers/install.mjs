import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const LOCK = `${FOLDER}package-lock.json`;
/** The lock file that was installed last. */
const INSTALLED = `${FOLDER}node_modules/.installed-lock.json`;

/** Installs the peers unless the versions of the lock file are there. */
export function installPeers() {
  const wanted = readFileSync(LOCK, 'utf8');
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted) return;
  console.error('Installing the peers, once; this takes some minutes...');
  rmSync(INSTALLED, { force: true });
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', args, { cwd: FOLDER, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ci in ${FOLDER} failed. ${error ?? ''}`);
  writeFileSync(INSTALLED, wanted);
}
