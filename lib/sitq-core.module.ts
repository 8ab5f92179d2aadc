import { Global, Logger, Module } from '@nestjs/common';
import { DiscoveryModule, ModuleRef, ModulesContainer } from '@nestjs/core';
import { TypeOrmBackend } from './backends/typeorm/typeorm.backend.js';
import { Backend } from './core/backend.js';
import { isLocatedBackend } from './core/capabilities/located-backend.js';
import type { Plugin } from './core/plugin.js';
import { HandlerRegistry } from './core/registry.js';
import { TaskContext } from './core/task-context.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { TaskQueue } from './queue/task-queue.js';
import { requireOneRoot } from './require-one-root.js';
import { LOG_CONTEXT, SITQ_OPENED, SITQ_OPTIONS, SITQ_PLUGINS } from './sitq.constants.js';
import { ConfigurableModuleClass } from './sitq.module-definition.js';
import { tasksAreIn } from './sitq.messages.js';
import { SitqLifecycle } from './sitq.lifecycle.js';
import { createPlugins } from './sitq.plugins.js';
import { readSitqOptions } from './sitq.settings.js';
import { TaskExplorer } from './task.explorer.js';
import { CurrentTransaction } from './transactions/current-transaction.js';
import { WorkerHost } from './worker.host.js';

/** All parts. Global, so that `TaskQueue` and `TaskContext` can be injected anywhere. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    HandlerRegistry,
    TaskContext,
    TaskExplorer,
    WorkerHost,
    SitqLifecycle,
    { provide: SITQ_OPENED, useFactory: () => new Set<Backend>() },
    {
      provide: Backend,
      inject: [SITQ_OPTIONS, SITQ_OPENED, ModulesContainer],
      useFactory: async (
        options: SitqOptions,
        opened: Set<Backend>,
        modules: ModulesContainer,
      ): Promise<Backend> => {
        requireOneRoot(modules);
        const { given, store } = readSitqOptions(options);
        const logger = new Logger(LOG_CONTEXT);
        const backend = given.backend ?? new TypeOrmBackend({ ...store, logger });
        opened.add(backend);
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
      inject: [
        Backend,
        SITQ_OPTIONS,
        HandlerRegistry,
        SITQ_PLUGINS,
        CurrentTransaction,
        TaskExplorer, // which knows handlers of which the registry has yet to hear
      ],
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
  exports: [
    SITQ_OPTIONS,
    SITQ_PLUGINS,
    Backend,
    HandlerRegistry,
    TaskContext,
    TaskQueue,
    WorkerHost,
    SitqLifecycle,
  ],
})
export class SitqCoreModule extends ConfigurableModuleClass {}
