import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';

/** Where a figure comes from. */
export function machine() {
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${platform()} ${release()} ${arch()}`,
  };
}

/** The versions of everything that takes part. */
export function packageVersions() {
  const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  const { dependencies } = read('package.json');
  const peers = Object.keys(dependencies).filter((name) => name !== 'node');
  return {
    'nestjs-sitq': read('../../../package.json').version,
    ...Object.fromEntries(
      peers.map((name) => [name, read(`node_modules/${name}/package.json`).version]),
    ),
  };
}
