import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { SitqCoreModule } from './sitq-core.module.js';
import type { ASYNC_OPTIONS_TYPE } from './sitq.module-definition.js';
import type { SitqRootOptions } from './interfaces/sitq-options.interface.js';
import { injectDataSource, namesDataSource } from './named-data-source.js';
import { TaskExplorer } from './task.explorer.js';
import { WorkerHost } from './worker.host.js';

/**
 * Background tasks for a NestJS application. Import it once, in the root module.
 *
 * This module itself holds the worker and is not global: Nest tears global modules down last, and
 * running tasks must end before the connections of the application are closed.
 *
 * @publicApi
 */
@Module({ imports: [DiscoveryModule], providers: [TaskExplorer, WorkerHost] })
export class SitqModule {
  /**
   * @example
   * SitqModule.forRoot()
   * SitqModule.forRoot({ database: 'data/tasks.sqlite', worker: { concurrency: 50 } })
   * SitqModule.forRoot({ dataSource: 'default' })
   */
  static forRoot(options: SitqRootOptions = {}): DynamicModule {
    if (namesDataSource(options)) return SitqModule.forRootAsync(injectDataSource(options));
    return { module: SitqModule, imports: [SitqCoreModule.forRoot(options)] };
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
    return { module: SitqModule, imports: [SitqCoreModule.forRootAsync(options)] };
  }
}
