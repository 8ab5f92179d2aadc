import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { ConfigurationError } from '../errors/configuration.error.js';

/** What is needed of the TransactionHost of `@nestjs-cls/transactional`. */
export interface ClsHost {
  isTransactionActive(): boolean;
  /** Outside of a transaction that of the DataSource itself. */
  readonly tx: unknown;
}

const PACKAGES = '@nestjs-cls/transactional @nestjs-cls/transactional-adapter-typeorm nestjs-cls';

/**
 * Finds the TransactionHost of an application. The package is optional: it is loaded only where it
 * is asked for.
 *
 * @param load for tests
 * @throws ConfigurationError when the package is not installed.
 */
export async function clsHostFinder(
  moduleRef: Pick<ModuleRef, 'get'>,
  load: () => Promise<{ TransactionHost: unknown }> = () => import('@nestjs-cls/transactional'),
): Promise<() => ClsHost> {
  const { TransactionHost } = await load().catch((error: unknown) => {
    const { code } = error as { code?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw refuse(`@nestjs-cls/transactional is not installed. Run: npm install ${PACKAGES}`);
  });
  return () => {
    try {
      return moduleRef.get(TransactionHost as Type<ClsHost>, { strict: false });
    } catch {
      throw refuse(
        `the application has no TransactionHost. Import ClsModule.forRoot({ plugins: [new ` +
          `ClsPluginTransactional({ imports: [TypeOrmModule], adapter: new ` +
          `TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() }) })] }).`,
      );
    }
  };
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError(
    `SitqModule.forRoot: transactions is 'join', but ${problem}`,
    'transactions',
    'join',
  );
}
