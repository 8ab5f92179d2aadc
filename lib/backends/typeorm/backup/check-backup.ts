import type { DataSource } from 'typeorm';
import { systemClock } from '../../../core/clock.js';
import { ValidationError } from '../../../errors/validation.error.js';
import { createDialect } from '../dialect/create-dialect.js';
import { Migrator } from '../migrator.js';
import { openDataSource } from '../open-data-source.js';
import type { StoreSettings } from '../store-settings.js';

/** What is in a backup. */
export interface BackupContent {
  /** How many tasks are in each state that some are in. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Whether the next boot, or `sitq migrate`, brings its tables up to date. */
  readonly isOlder: boolean;
}

/**
 * Looks whether the copy of a backup can be the database of a store.
 *
 * @param origin of the copy, for messages.
 * @throws ValidationError when it is damaged or has no tables of sitq, ConfigurationError when
 * these are newer than this version.
 */
export async function checkBackup(
  settings: StoreSettings,
  copy: string,
  origin: string,
): Promise<BackupContent> {
  const connection = { ...settings.connection, database: copy };
  const dialect = createDialect({ ...settings, connection }, systemClock, undefined);
  const dataSource = await openDataSource(dialect, 0, async () => undefined);
  try {
    await refuseDamaged(dataSource, origin);
    const { applied, missing } = await new Migrator(dataSource, dialect).knownState();
    const { names } = dialect.schema;
    if (applied.length === 0) {
      throw new ValidationError(
        `${origin} has no tables of sitq whose names begin with '${names.prefix}'. Is it a backup ` +
          `of another database, or with another --table-prefix?`,
        'file',
        origin,
      );
    }
    const rows = await dataSource.query<{ status: string; n: number }[]>(
      names.in('SELECT status, count(*) AS n FROM {task} GROUP BY status ORDER BY status'),
    );
    const tasks = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
    return { tasks, isOlder: missing.length > 0 };
  } finally {
    await dataSource.destroy();
  }
}

async function refuseDamaged(dataSource: DataSource, origin: string): Promise<void> {
  const rows = await dataSource.query<{ integrity_check: string }[]>('PRAGMA integrity_check(10)');
  const damages = rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  if (damages.length === 0) return;
  throw new ValidationError(`${origin} is damaged: ${damages.join('; ')}.`, 'file', origin);
}
