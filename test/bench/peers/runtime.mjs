import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const WANTED = [22, 18];
const PACKAGE = fileURLToPath(new URL('node_modules/node/bin/node', import.meta.url));

/** The Node of a row: this one, or for peers that want a newer one that of the package `node`. */
export function nodeOf({ newerNode }) {
  if (!newerNode || isNewer(process.versions.node)) return process.execPath;
  return PACKAGE;
}

export function versionOf(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(
      `${node} does not run. Its package has an install script; install with scripts allowed, or ` +
        `run this with Node ${WANTED.join('.')} or newer.`,
    );
  }
  return stdout.trim();
}

function isNewer(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1]);
}
