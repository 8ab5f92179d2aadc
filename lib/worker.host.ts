import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Backend } from './core/backend.js';
import type { Plugin } from './core/plugin.js';
import { HandlerRegistry } from './core/registry.js';
import { TaskContext } from './core/task-context.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { LOG_CONTEXT, SITQ_OPTIONS, SITQ_PLUGINS } from './sitq.constants.js';
import { NO_TICKS, workerOff } from './sitq.messages.js';
import { isIsolatedThread } from './isolation/is-isolated-thread.js';
import { TaskExplorer } from './task.explorer.js';
import { IsolatedThreads } from './worker/isolation/isolated-threads.js';
import { readWorkerOptions } from './worker/worker-settings.js';
import { Worker } from './worker/worker.js';
import type { WorkerStats } from './worker/worker-stats.js';

/** What each thread of isolated handlers runs. */
const THREAD = new URL('./isolation/isolated.thread.js', import.meta.url);

/**
 * Nest's lifecycle for the worker: it claims only when the whole application is ready, and drains
 * before anything the handlers may use is torn down.
 *
 * @publicApi
 */
@Injectable()
export class WorkerHost implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(LOG_CONTEXT);
  private worker: Worker | null = null;

  constructor(
    @Inject(SITQ_OPTIONS) private readonly options: SitqOptions,
    private readonly explorer: TaskExplorer,
    private readonly registry: HandlerRegistry,
    private readonly context: TaskContext,
    private readonly backend: Backend,
    @Inject(SITQ_PLUGINS) private readonly plugins: Plugin[],
  ) {}

  onModuleInit(): void {
    this.explorer.explore();
  }

  async onApplicationBootstrap(): Promise<void> {
    const { worker, serializer } = this.options;
    if (isIsolatedThread()) return;
    if (worker === false) {
      const handlers = this.registry.names().length;
      if (handlers > 0) this.logger.log(workerOff(handlers));
      if (this.plugins.some((plugin) => plugin.tick)) this.logger.log(NO_TICKS);
      return;
    }
    const { backend, registry, context, logger, plugins } = this;
    const options = worker ?? {};
    const { isolation: settings, timeoutGrace } = readWorkerOptions(options);
    const isolation = settings && new IsolatedThreads(THREAD, settings, timeoutGrace, logger);
    this.worker = new Worker({
      backend,
      registry,
      context,
      logger,
      options,
      serializer,
      plugins: [...plugins, this.explorer.lateModules],
      isolation,
    });
    await this.worker.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.worker?.stop();
  }

  /** What the worker of this process is doing; null when it has none. */
  stats(): WorkerStats | null {
    return this.worker?.stats() ?? null;
  }
}
