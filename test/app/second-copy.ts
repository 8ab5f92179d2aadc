import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type * as Sitq from 'nestjs-sitq';

/**
 * The package once more, as a workspace has it that could not be hoisted: in `node_modules` of its
 * own, beside the same Nest and TypeORM.
 */
export async function secondCopy(): Promise<{ folder: string; sitq: typeof Sitq }> {
  const folder = mkdtempSync(join(tmpdir(), 'sitq-copy-'));
  const modules = join(folder, 'node_modules');
  const copy = join(modules, 'nestjs-sitq');
  mkdirSync(modules);
  cpSync('build/test/lib', copy, { recursive: true });
  writeFileSync(join(copy, 'package.json'), JSON.stringify({ type: 'module', version: '0.0.0' }));
  for (const name of readdirSync('node_modules')) {
    symlinkSync(resolve('node_modules', name), join(modules, name));
  }
  const sitq = (await import(join(copy, 'index.js'))) as typeof Sitq;
  return { folder, sitq };
}
