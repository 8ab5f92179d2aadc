import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { TypeOrmBackend } from './backends/typeorm/typeorm.backend.js';
import { Backend } from './core/backend.js';
import { isLocatedBackend } from './core/capabilities/located-backend.js';
import type { Plugin } from './core/plugin.js';
import { HandlerRegistry } from './core/registry.js';
import { TaskContext } from './core/task-context.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { TaskQueue } from './queue/task-queue.js';
import { LOG_CONTEXT, SITQ_OPTIONS, SITQ_PLUGINS } from './sitq.constants.js';
import { ConfigurableModuleClass } from './sitq.module-definition.js';
import { tasksAreIn } from './sitq.messages.js';
import { createPlugins } from './sitq.plugins.js';
import { readSitqOptions } from './sitq.settings.js';
import { CurrentTransaction } from './transactions/current-transaction.js';

/**
 * The part that enqueues. Global, so that `TaskQueue` and `TaskContext` can be injected anywhere,
 * and torn down last, so that everybody can enqueue to the end.
 */
@Global()
@Module({
  providers: [
    HandlerRegistry,
    TaskContext,
    {
      provide: Backend,
      inject: [SITQ_OPTIONS],
      useFactory: async (options: SitqOptions): Promise<Backend> => {
        const { given, store } = readSitqOptions(options);
        const logger = new Logger(LOG_CONTEXT);
        const backend = given.backend ?? new TypeOrmBackend({ ...store, logger });
        await backend.open();
        if (isLocatedBackend(backend)) logger.log(tasksAreIn(backend.database));
        return backend;
      },
    },
    { provide: SITQ_PLUGINS, inject: [SITQ_OPTIONS, Backend], useFactory: createPlugins },
    {
      provide: CurrentTransaction,
      inject: [SITQ_OPTIONS, Backend, ModuleRef],
      useFactory: (options: SitqOptions, backend: Backend, ref: ModuleRef) =>
        CurrentTransaction.create(options, backend, ref),
    },
    {
      provide: TaskQueue,
      inject: [Backend, SITQ_OPTIONS, HandlerRegistry, SITQ_PLUGINS, CurrentTransaction],
      useFactory: (
        backend: Backend,
        { serializer }: SitqOptions,
        registry: HandlerRegistry,
        plugins: Plugin[],
        { manager: transaction, dataSource }: CurrentTransaction,
      ) =>
        new TaskQueue({
          backend,
          registry,
          serializer,
          plugins,
          transaction,
          dataSource,
          logger: new Logger(LOG_CONTEXT),
        }),
    },
  ],
  exports: [SITQ_OPTIONS, SITQ_PLUGINS, Backend, HandlerRegistry, TaskContext, TaskQueue],
})
export class SitqCoreModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  constructor(
    @Inject(Backend) private readonly backend: Backend,
    @Inject(TaskQueue) private readonly queue: TaskQueue,
  ) {
    super();
  }

  async onApplicationShutdown(): Promise<void> {
    this.queue.close();
    await this.backend.close();
  }
}
