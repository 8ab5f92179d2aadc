import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Backend } from './core/backend.js';
import type { Plugin } from './core/plugin.js';
import { HandlerRegistry } from './core/registry.js';
import { TaskContext } from './core/task-context.js';
import { textOf } from './core/text-of.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { ISOLATED_APP, LOG_CONTEXT, SITQ_OPTIONS, SITQ_PLUGINS } from './sitq.constants.js';
import { listenFailed, NO_TICKS, workerOff } from './sitq.messages.js';
import { bootsItself } from './isolation/boots-itself.js';
import { isIsolatedThread } from './isolation/is-isolated-thread.js';
import { threadScript } from './isolation/thread-script.js';
import { TaskExplorer } from './task.explorer.js';
import { watchListening } from './watch-listening.js';
import { IsolatedThreads } from './worker/isolation/isolated-threads.js';
import { readWorkerOptions } from './worker/worker-settings.js';
import { Worker } from './worker/worker.js';
import type { WorkerStats } from './worker/worker-stats.js';

/**
 * The worker of this process.
 *
 * @publicApi
 */
@Injectable()
export class WorkerHost {
  private readonly logger = new Logger(LOG_CONTEXT);
  private worker: Worker | null = null;
  /** Set when the application closes, which it may do while it still boots. */
  private closing = false;
  private unwatch: (() => void) | undefined;

  constructor(
    @Inject(SITQ_OPTIONS) private readonly options: SitqOptions,
    private readonly explorer: TaskExplorer,
    private readonly registry: HandlerRegistry,
    private readonly context: TaskContext,
    private readonly backend: Backend,
    @Inject(SITQ_PLUGINS) private readonly plugins: Plugin[],
    private readonly http: HttpAdapterHost,
    @Optional() @Inject(ISOLATED_APP) private readonly isIsolatedApp = false,
  ) {}

  /**
   * The application is ready. Does nothing a second time.
   *
   * @internal
   */
  async start(): Promise<void> {
    const isStranger = isIsolatedThread() && !this.isIsolatedApp;
    if (isStranger && this.options.worker !== false) throw bootsItself();
    if (this.closing || this.worker || isIsolatedThread()) return;
    if (this.options.worker === false) {
      const handlers = this.registry.names().length;
      if (handlers > 0) this.logger.log(workerOff(handlers));
      if (this.plugins.some((plugin) => plugin.tick)) this.logger.log(NO_TICKS);
      return;
    }
    await this.launch();
    if (this.closing) return;
    this.unwatch = watchListening(this.http.httpAdapter?.getHttpServer(), {
      onFailed: (error) => this.pause(error),
      onListening: () => void this.resume(),
    });
  }

  /**
   * The application closes. Resolves when no handler runs any more, but for those that are closing
   * it and wait for that themselves.
   *
   * @internal
   */
  async stop(): Promise<void> {
    this.closing = true;
    this.unwatch?.();
    await this.worker?.stop();
  }

  /**
   * The end of handlers for which {@link stop} did not wait.
   *
   * @internal
   */
  lingering(): Promise<void> | undefined {
    return this.worker?.lingering();
  }

  /** What the worker of this process is doing; null when it has none. */
  stats(): WorkerStats | null {
    return this.worker?.stats() ?? null;
  }

  /** A boot that fails leaves nothing behind. */
  private async launch(): Promise<void> {
    const worker = this.createWorker();
    this.worker = worker;
    try {
      await worker.start();
    } catch (error) {
      this.worker = null;
      await worker.stop();
      throw error;
    }
  }

  private createWorker(): Worker {
    const { backend, registry, context, logger, plugins } = this;
    const { worker, serializer } = this.options;
    const options = worker || {};
    const { isolation: settings, timeoutGrace } = readWorkerOptions(options);
    const isolation = settings && new IsolatedThreads(threadScript, settings, timeoutGrace, logger);
    return new Worker({
      backend,
      registry,
      context,
      logger,
      options,
      serializer,
      plugins: [...plugins, this.explorer.lateModules],
      isolation,
    });
  }

  /** An application that cannot listen is about to end, or tries another port. */
  private pause(error: unknown): void {
    this.logger.error(listenFailed(error));
    void this.worker?.stop();
  }

  private async resume(): Promise<void> {
    if (this.closing || this.worker?.stats().state === 'running') return;
    await this.worker?.stop();
    if (this.closing) return;
    await this.launch().catch((error: unknown) => {
      this.logger.error(`The worker cannot start: ${textOf(error)}`);
    });
  }
}
