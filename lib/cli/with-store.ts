import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Dialect } from '../backends/typeorm/dialect/dialect.js';
import { createDialect } from '../backends/typeorm/dialect/create-dialect.js';
import { Migrator } from '../backends/typeorm/migrator.js';
import { openDataSource } from '../backends/typeorm/open-data-source.js';
import type { StoreSettings } from '../backends/typeorm/store-settings.js';
import { systemClock } from '../core/clock.js';
import { ConfigurationError } from '../errors/configuration.error.js';
import { SitqError } from '../errors/sitq.error.js';

/** How long others who open a new file may be in the way, in ms. Servers have queues for that. */
const FILE_PATIENCE = 30_000;
/** How long connections may take to say goodbye, in ms. */
const LONGEST_GOODBYE = 2000;

/** A store as commands see it. */
export interface CliStore {
  readonly dialect: Dialect;
  readonly dataSource: DataSource;
  readonly migrator: Migrator;
}

/**
 * Opens the store for the time of the work, and changes nothing by that.
 *
 * @param mayCreate whether a file that is missing may be created.
 * @throws SitqError
 */
export async function withStore<T>(
  settings: StoreSettings,
  { mayCreate }: { mayCreate: boolean },
  work: (store: CliStore) => Promise<T>,
): Promise<T> {
  const dialect = createDialect(settings, systemClock, undefined);
  const isFile = settings.kind === 'sqlite';
  if (isFile && !mayCreate && !existsSync(dialect.place)) {
    throw new ConfigurationError(`There is no file ${dialect.place}.`, 'database');
  }
  await dialect.prepare();
  const patience = isFile ? FILE_PATIENCE : 0;
  const dataSource = await openDataSource(dialect, patience, async () => undefined);
  try {
    return await work({ dialect, dataSource, migrator: new Migrator(dataSource, dialect) });
  } catch (error) {
    throw error instanceof SitqError ? error : dialect.toBackendError(error);
  } finally {
    await Promise.race([dataSource.destroy(), sleep(LONGEST_GOODBYE, undefined, { ref: false })]);
  }
}
