import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractLogger, DataSource, DriverPackageNotInstalledError } from 'typeorm';
import type { SitqLogger } from '../../core/logger.js';
import { BackendError } from '../../errors/backend.error.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import { SitqError } from '../../errors/sitq.error.js';
import type { Dialect } from './dialect/dialect.js';
import { schemaOf } from './schema.js';

/** Pauses between attempts grow with each one, to so many ms. */
const LONGEST_PAUSE = 250;
/** How long nothing is said, in ms: other processes that boot are soon out of the way. */
const SILENCE = 1000;

/**
 * Opens a DataSource of sitq's own and makes it ready; both again while other processes are in
 * the way, or the server is away, for at most so many ms.
 *
 * @throws ConfigurationError when the package of the driver is not installed.
 * @throws BackendError when the database cannot be used.
 */
export async function openDataSource(
  dialect: Dialect,
  patience: number,
  makeReady: (dataSource: DataSource) => Promise<unknown>,
  logger?: SitqLogger,
): Promise<DataSource> {
  const began = performance.now();
  let isTold = false;
  for (let round = 0; ; round += 1) {
    const dataSource = createDataSource(dialect);
    try {
      await dataSource.initialize();
      await dialect.prepareConnections?.(dataSource);
      await makeReady(dataSource);
      return dataSource;
    } catch (error) {
      const wasOpen = dataSource.isInitialized;
      if (wasOpen) await dataSource.destroy();
      const waited = performance.now() - began;
      const failure = wasOpen ? unusable(dialect, error) : unreachable(dialect, error);
      if (dialect.patienceFor(error) === 0 || waited >= patience) throw failure;
      if (!isTold && waited >= SILENCE) {
        logger?.warn(`${failure.message} It is tried again for ${patience / 1000} s.`);
        isTold = true;
      }
      await sleep(Math.random() * Math.min(LONGEST_PAUSE, 10 + 5 * round));
    }
  }
}

/** TypeORM would tell of migrations on the console, whatever `logging` says. */
class SilentLogger extends AbstractLogger {
  protected override writeLog(): void {
    // What went wrong is thrown, too.
  }
}

function createDataSource(dialect: Dialect): DataSource {
  try {
    const options = dialect.dataSourceOptions();
    return new DataSource({
      ...(options.logging ? {} : { logger: new SilentLogger() }),
      ...options,
      ...schemaOf(dialect.schema),
    });
  } catch (error) {
    if (!(error instanceof DriverPackageNotInstalledError)) throw unreachable(dialect, error);
    const name = /npm install ([\w-]+)/.exec(error.message)?.[1] ?? 'the driver of TypeORM';
    throw new ConfigurationError(
      `The package ${name} is missing, without which ${dialect.place} cannot be opened. ` +
        `Run: npm install ${name}`,
      'type',
    );
  }
}

function unreachable(dialect: Dialect, error: unknown): SitqError {
  if (error instanceof SitqError) return error;
  const { message, transient } = dialect.toBackendError(error);
  return new BackendError(
    `The database ${dialect.place} cannot be opened: ${message} ${dialect.remedy}`,
    { cause: error, transient },
  );
}

function unusable(dialect: Dialect, error: unknown): SitqError {
  if (error instanceof SitqError) return error;
  const { message, transient } = dialect.toBackendError(error);
  return new BackendError(`The tables in ${dialect.place} cannot be used: ${message}`, {
    cause: error,
    transient,
  });
}
