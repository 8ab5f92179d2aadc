import { Module, type DynamicModule } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SitqCoreModule } from './sitq-core.module.js';
import type { ASYNC_OPTIONS_TYPE } from './sitq.module-definition.js';
import type { SitqRootOptions } from './interfaces/sitq-options.interface.js';
import { injectDataSource, namesDataSource } from './named-data-source.js';
import { requireOneRoot } from './require-one-root.js';
import { SitqFirstModule } from './sitq-first.module.js';
import { SitqLastModule } from './sitq-last.module.js';

/**
 * Background tasks for a NestJS application. Import it with `forRoot` once, in the root module.
 * Other modules may import it as it is, but need not.
 *
 * Wherever it stands, handlers run only when every `onApplicationBootstrap` of the application has
 * ended, and have come to an end before the first `onModuleDestroy` begins.
 *
 * @publicApi
 */
@Module({})
export class SitqModule {
  /** @throws ConfigurationError when there is not one `forRoot` in the application. */
  constructor(modules: ModulesContainer) {
    requireOneRoot(modules);
  }

  /**
   * @example
   * SitqModule.forRoot()
   * SitqModule.forRoot({ database: 'data/tasks.sqlite', worker: { concurrency: 50 } })
   * SitqModule.forRoot({ dataSource: 'default' })
   */
  static forRoot(options: SitqRootOptions = {}): DynamicModule {
    if (namesDataSource(options)) return SitqModule.forRootAsync(injectDataSource(options));
    return withCore(SitqCoreModule.forRoot(options));
  }

  /**
   * Options from a factory or a class with `createSitqOptions()`.
   *
   * @example
   * SitqModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ database: config.get('TASKS_FILE') }),
   * })
   */
  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return withCore(SitqCoreModule.forRootAsync(options));
  }
}

function withCore(core: DynamicModule): DynamicModule {
  return { module: SitqModule, imports: [core, SitqFirstModule, SitqLastModule] };
}
