import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ValidationError } from '../../../errors/validation.error.js';
import { systemClock } from '../../../core/clock.js';
import { createDialect } from '../dialect/create-dialect.js';
import type { StoreSettings } from '../store-settings.js';
import { checkBackup, type BackupContent } from './check-backup.js';
import { copyDatabase } from './copy-database.js';
import { databaseFile } from './database-file.js';
import { ReplacedFile } from './replaced-file.js';
import { withDraft } from './with-draft.js';

/** A backup that is in place again. */
export interface Restored extends BackupContent {
  /** Absolute path of the database. */
  readonly file: string;
  /** Where the database is that was there before; null when there was none. */
  readonly kept: string | null;
}

/**
 * Puts a backup in the place of the database of a store. The backup stays as it is.
 *
 * @throws ValidationError when it is no backup of such a store, BackendError when somebody uses the
 * database, or the reason of the signal: nothing has changed then.
 */
export async function restore(
  settings: StoreSettings,
  file: string,
  signal?: AbortSignal,
): Promise<Restored> {
  const place = databaseFile(settings);
  const backup = resolve(file);
  const database = existsSync(place) ? realpathSync(place) : place;
  refuseBackup(backup, database);
  return withDraft(database, async (draft) => {
    await copyDatabase(backup, draft, { signal });
    const content = await checkBackup(settings, draft, backup);
    signal?.throwIfAborted();
    const { names } = createDialect(settings, systemClock, undefined).schema;
    const kept = await new ReplacedFile(database, names).replaceBy(draft);
    return { ...content, file: database, kept };
  });
}

function refuseBackup(backup: string, database: string): void {
  const there = statSync(backup, { throwIfNoEntry: false });
  if (!there?.isFile()) throw refuse(`There is no file ${backup}.`, backup);
  const old = statSync(database, { throwIfNoEntry: false });
  if (old?.dev === there.dev && old.ino === there.ino) {
    throw refuse(`${backup} is the database itself. Give a backup of it.`, backup);
  }
  if (!existsSync(dirname(database))) {
    throw refuse(`There is no folder ${dirname(database)}. Make it first.`, backup);
  }
}

function refuse(message: string, file: string): ValidationError {
  return new ValidationError(message, 'file', file);
}
