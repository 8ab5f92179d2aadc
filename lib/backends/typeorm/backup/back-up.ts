import { existsSync, realpathSync, statSync } from 'node:fs';
import { link, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { check } from '../../../core/option-checks.js';
import { readOptions } from '../../../core/option-reader.js';
import { BackendError } from '../../../errors/backend.error.js';
import { ValidationError } from '../../../errors/validation.error.js';
import type { StoreSettings } from '../store-settings.js';
import type { Backup, BackupOptions, BackupProgress } from './backup-options.js';
import { companionsOf } from './companions.js';
import { copyDatabase } from './copy-database.js';
import { databaseFile } from './database-file.js';
import { syncFolder } from './sync-folder.js';
import { withDraft } from './with-draft.js';

const CHECKS = {
  file: check.text('the path of the backup'),
  force: check.boolean(),
  onProgress: check.func<(progress: BackupProgress) => void>(
    'a function of ({ pages, remaining })',
  ),
  signal: check.like<AbortSignal>('an AbortSignal', 'addEventListener', 'throwIfAborted'),
};

/**
 * Copies a store in use into a file that stands alone. Nothing has the name of that file before it
 * is whole.
 *
 * @throws ValidationError for a file that must not be written, BackendError when it cannot be, or
 * the store is no file.
 */
export async function backUp(
  settings: StoreSettings,
  file: string,
  options: BackupOptions = {},
): Promise<Backup> {
  readOptions('backup', { file, ...options }, CHECKS, refuse);
  const source = databaseFile(settings);
  const target = resolve(file);
  const { force = false } = options;
  refuseTarget(target, source, force);
  try {
    return await withDraft(target, async (draft) => {
      await copyDatabase(source, draft, options);
      const { size } = await stat(draft);
      await (force ? rename(draft, target) : renameIfFree(draft, target));
      await syncFolder(dirname(target));
      return { file: target, bytes: size };
    });
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new BackendError(`${target} cannot be written: ${message}.`, { cause: error });
  }
}

function refuseTarget(target: string, source: string, force: boolean): void {
  const there = statSync(target, { throwIfNoEntry: false });
  if (!existsSync(dirname(target))) {
    throw refuse(`There is no folder ${dirname(target)}. Make it first.`, 'file', target);
  }
  if (there?.isDirectory()) throw refuse(`${target} is a folder. Name a file.`, 'file', target);
  const own = filesOf(source).find((each) => isSame(target, each));
  if (own !== undefined) {
    throw refuse(`${target} belongs to the database ${source}. Give another name.`, 'file', target);
  }
  const log = companionsOf(target).find((each) => existsSync(each));
  if (log !== undefined) {
    throw refuse(
      `There is ${log}, which SQLite would take for a part of ${target}. Give another name, or ` +
        `remove it if no program has that database open.`,
      'file',
      target,
    );
  }
  if (there && !force) throw taken(target);
}

/** The database and all that belongs to it, which is beside the file that a link leads to. */
function filesOf(source: string): string[] {
  const real = existsSync(source) ? realpathSync(source) : source;
  return [source, real, ...companionsOf(real), `${source}-doorbell`];
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((each) => statSync(each, { throwIfNoEntry: false }));
  if (a && b) return a.dev === b.dev && a.ino === b.ino;
  return pathOf(one) === pathOf(other);
}

function pathOf(file: string): string {
  return join(realpathSync(dirname(file)), basename(file));
}

/** `rename` would replace what somebody has put there meanwhile. */
async function renameIfFree(draft: string, target: string): Promise<void> {
  try {
    await link(draft, target); // the draft itself is removed by whoever made it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken(target);
    await rename(draft, target); // a disk without hard links
  }
}

function taken(target: string): ValidationError {
  return refuse(
    `There is a file ${target} already. Give another name, or force to replace it.`,
    'file',
    target,
  );
}

function refuse(message: string, option: string, value: unknown): ValidationError {
  return new ValidationError(message, option, value);
}
