import { Inject, Injectable, Logger } from '@nestjs/common';
import { Backend } from './core/backend.js';
import { textOf } from './core/text-of.js';
import { TaskQueue } from './queue/task-queue.js';
import { LOG_CONTEXT, SITQ_OPENED } from './sitq.constants.js';
import { TaskExplorer } from './task.explorer.js';
import { WorkerHost } from './worker.host.js';

/**
 * What is done when the application boots and closes. Nest has no hook that is called before or
 * after all others of its kind, so two modules stand at the two ends of its order. Destroy hooks
 * are called in the opposite order from Nest 11 on, and in the same order on 10: so whichever end
 * comes first does what is to be first, and whichever comes last what is to be last.
 *
 * A test may have put anything in the place of a part: what is no part of ours is left alone.
 */
@Injectable()
export class SitqLifecycle {
  private explored = false;
  private readonly left = new Set<object>();

  constructor(
    private readonly explorer: TaskExplorer,
    private readonly host: WorkerHost,
    private readonly backend: Backend,
    private readonly queue: TaskQueue,
    @Inject(SITQ_OPENED) private readonly opened: Set<Backend>,
  ) {}

  /** Before every other `onModuleInit`: what is enqueued there is known by its name. */
  explore(): void {
    if (!this.explored) this.explorer.explore();
    this.explored = true;
  }

  /** After every other `onApplicationBootstrap`. */
  async start(): Promise<void> {
    if (this.isOurs && this.host instanceof WorkerHost) await this.host.start();
  }

  /** Before every other `onModuleDestroy`. */
  async drain(): Promise<void> {
    if (this.host instanceof WorkerHost) await this.host.stop();
  }

  /**
   * One end of the order has come to `onApplicationShutdown`. Once both have, nobody enqueues any
   * more. A handler that closes the application itself ends after that, and its outcome is stored.
   */
  async leave(end: object): Promise<void> {
    this.left.add(end);
    if (this.left.size < 2) return;
    const lingering = this.host instanceof WorkerHost ? this.host.lingering() : undefined;
    if (!lingering) return this.close();
    void lingering
      .then(() => this.close())
      .catch((error: unknown) => {
        new Logger(LOG_CONTEXT).error(`The backend could not be closed: ${textOf(error)}`);
      });
  }

  /** No mock: what is given as an option need not be of our class. */
  private get isOurs(): boolean {
    return this.opened.has(this.backend) || this.backend instanceof Backend;
  }

  private async close(): Promise<void> {
    if (this.queue instanceof TaskQueue) this.queue.close();
    if (this.isOurs) await this.backend.close();
  }
}
