import { BackendError } from '../../../errors/backend.error.js';
import { systemClock } from '../../../core/clock.js';
import { createDialect } from '../dialect/create-dialect.js';
import type { StoreSettings } from '../store-settings.js';
import { dumpAdvice } from './dump-advice.js';

/**
 * The absolute path of the file of an SQLite store.
 *
 * @throws BackendError for any other store, with what to use instead.
 */
export function databaseFile(settings: StoreSettings): string {
  const { place, schema } = createDialect(settings, systemClock, undefined);
  if (settings.kind !== 'sqlite') {
    throw new BackendError(dumpAdvice(settings, place, schema.names));
  }
  if (place === ':memory:') {
    throw new BackendError(
      `A database in memory has no file. Give one: forRoot({ database: '...' }).`,
    );
  }
  return place;
}
