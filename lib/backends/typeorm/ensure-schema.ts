import { ConfigurationError } from '../../errors/configuration.error.js';
import type { Migrator } from './migrator.js';

/**
 * Brings the tables up to date, or checks that they are.
 *
 * @throws ConfigurationError when the tables are newer than this version of sitq, or older and
 * `migrate` is off.
 */
export async function ensureSchema(migrator: Migrator, migrate: boolean): Promise<void> {
  if (migrate) {
    await migrator.up();
    return;
  }
  const { missing } = await migrator.knownState();
  if (missing.length === 0) return;
  throw new ConfigurationError(
    `The tables of sitq lack the migrations ${missing.join(', ')} and migrate is false. Run ` +
      `'npx sitq migrate' (or TypeORM's runMigrations with sitqSchema), or set migrate: true.`,
    'migrate',
    migrate,
  );
}
