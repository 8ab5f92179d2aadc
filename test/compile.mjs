import { transformFile } from '@swc/core';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SOURCES = ['lib', 'test/app', 'test/torture'];
const OUTPUT = 'build/test';

/**
 * Compiles lib and what runs outside jest into `build/test` with jest's own transformer: child
 * processes run under plain Node, and must run the sources, not whatever `dist` holds. Files that
 * have not changed are left alone.
 */
export async function compile() {
  const settings = readFileSync(join(ROOT, 'package.json'));
  const [[, options]] = Object.values(JSON.parse(settings).jest.transform);
  const marker = join(ROOT, OUTPUT, 'settings.json');
  const same = settings.equals(readIfThere(marker));
  const files = SOURCES.flatMap((folder) => typescriptFiles(join(ROOT, folder)));
  await Promise.all(
    files.map(async (source) => {
      const target = join(ROOT, OUTPUT, relative(ROOT, source)).replace(/\.ts$/, '.js');
      if (same && modifiedAt(target) > modifiedAt(source)) return;
      const { code } = await transformFile(source, options);
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
