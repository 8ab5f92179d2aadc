import { transformFile } from '@swc/core';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const SOURCES = ['lib', 'test/app/databases', 'test/app/processes'];
const OUTPUT = 'build/test';

/** Compiles what runs outside jest, and finds the database servers for all workers. */
export default async function setup(_globalConfig, projectConfig) {
  await compile(projectConfig);
  const { findServers } = await import(`../${OUTPUT}/test/app/databases/servers.js`);
  await findServers();
}

/**
 * Compiles lib and the fixture processes into `build/test` with jest's own transformer: child
 * processes run under plain Node, and must run the sources, not whatever `dist` holds. Files that
 * have not changed are left alone.
 */
async function compile({ rootDir, transform }) {
  const [, , options] = transform.find(([pattern]) => new RegExp(pattern).test('a.ts'));
  const settings = readFileSync(join(rootDir, 'package.json'));
  const marker = join(rootDir, OUTPUT, 'settings.json');
  const same = settings.equals(readIfThere(marker));
  const files = SOURCES.flatMap((folder) => typescriptFiles(join(rootDir, folder)));
  await Promise.all(
    files.map(async (source) => {
      const target = join(rootDir, OUTPUT, relative(rootDir, source)).replace(/\.ts$/, '.js');
      if (same && modifiedAt(target) > modifiedAt(source)) return;
      const { code } = await transformFile(source, { ...options, sourceMaps: 'inline' });
      write(target, code);
    }),
  );
  if (!same) write(marker, settings);
}

function typescriptFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

/** In one step, since another run may be reading the old file. */
function write(target, content) {
  mkdirSync(dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, target);
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
