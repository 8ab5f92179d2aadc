import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Handler } from '../../core/handler.js';
import type { SitqLogger } from '../../core/logger.js';
import { within } from '../../core/within.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import {
  CLOSE_CHANNEL,
  THREAD_MODULE,
  type CloseMessage,
  type RunOrder,
  type ThreadModule,
  type ThreadOrder,
} from './crossing.js';
import { IsolatedCall } from './isolated-call.js';
import type { IsolationSettings } from './isolation-settings.js';
import type { IsolatedRun, Isolation } from './isolation.js';
import { refusedModule } from './refused-module.js';

/** How long the applications in the threads may take to close, in ms. */
const LONGEST_CLOSE = 2000;
/** How long to wait for the end of a thread, in ms: native code cannot be interrupted. */
const LONGEST_END = 2000;

/**
 * Isolated handlers in a pool of threads, one run at a time in each. A thread that dies, or that is
 * ended since its run would not end, takes only that run with it; another takes its place.
 */
export class IsolatedThreads implements Isolation {
  readonly threads: number;
  private readonly id = randomUUID();
  private pool: Piscina | undefined;
  /** Threads that are in the middle of a run. */
  private busy = 0;

  /** @param script tells what a thread runs. @param grace between the signal and the end, in ms. */
  constructor(
    private readonly script: () => URL,
    private readonly settings: IsolationSettings,
    private readonly grace: number,
    private readonly logger: SitqLogger,
  ) {
    this.threads = settings.threads;
  }

  async start(handlers: readonly Handler[]): Promise<void> {
    this.pool = await this.createPool();
    try {
      const asked = Array.from({ length: this.threads }, () => this.ask({ list: true }));
      const [names] = (await Promise.all(asked)) as [string[]];
      const missing = handlers.find(({ name }) => !names.includes(name));
      if (missing) throw new Error(`it has no handler '${missing.name}' (${missing.origin})`);
    } catch (error) {
      await this.stop();
      throw refusedModule(this.settings, error);
    }
  }

  async run(run: IsolatedRun, onBegin: () => void): Promise<string | null> {
    const call = new IsolatedCall(run, this.grace, () => {
      this.busy += 1;
      onBegin();
    });
    const { port } = call;
    const { reserved, startedAt, workerId } = run;
    const order: RunOrder = { reserved, startedAt, workerId, port };
    try {
      await this.perform(order, call);
      return await call.outcome();
    } finally {
      if (call.began) this.busy -= 1;
      call.close();
    }
  }

  /** @throws how the thread died, or why it was ended, once nothing goes on in it. */
  private async perform(order: RunOrder, call: IsolatedCall): Promise<void> {
    try {
      await this.pool!.run(order, { transferList: [order.port], signal: call.cutOff });
    } catch (error) {
      const isGone = call.cutOff.aborted && !call.began; // or it was never given to a thread
      if (!isGone) await within(LONGEST_END, call.deserted);
      if (!call.isOver) throw call.cutOff.aborted ? call.abortReason : error;
    }
  }

  async stop(): Promise<void> {
    const { pool } = this;
    this.pool = undefined;
    if (!pool) return;
    await within(LONGEST_CLOSE, this.closeApplications(pool.threads.length - this.busy));
    await within(LONGEST_END, pool.destroy());
  }

  private async createPool(): Promise<Piscina> {
    const { maxHeap, module, export: name } = this.settings;
    const mark: ThreadModule = { module, export: name, pool: this.id };
    const script = this.script();
    const { Piscina: Pool } = await importPiscina();
    const pool = new Pool({
      filename: script.href,
      minThreads: this.threads,
      maxThreads: this.threads,
      env: { ...process.env, [THREAD_MODULE]: JSON.stringify(mark) },
      // Between two runs a thread goes on: its application has timers and connections.
      atomics: 'disabled',
      ...(maxHeap !== undefined && { resourceLimits: { maxOldGenerationSizeMb: maxHeap } }),
    });
    pool.on('error', (error: Error) => {
      this.logger.error(`A thread of isolated handlers has failed: ${error.message}`, error.stack);
    });
    return pool;
  }

  private ask(order: ThreadOrder): Promise<unknown> {
    return this.pool!.run(order);
  }

  /** Resolves when so many have said that they are closed; one that computes hears nothing. */
  private async closeApplications(threads: number): Promise<void> {
    if (threads <= 0) return;
    const channel = new BroadcastChannel(CLOSE_CHANNEL);
    let left = threads;
    const closed = new Promise<void>((resolve) => {
      channel.addEventListener('message', (event) => {
        const { kind, pool } = (event as unknown as { data: CloseMessage }).data;
        if (pool === this.id && kind === 'closed' && (left -= 1) === 0) resolve();
      });
    });
    channel.postMessage({ pool: this.id, kind: 'close' } satisfies CloseMessage);
    await closed.finally(() => channel.close());
  }
}

async function importPiscina() {
  try {
    return await import('piscina');
  } catch (error) {
    throw new ConfigurationError(
      `@Task({ isolate: true }) needs the package piscina. Install it: npm install piscina.`,
      'isolate',
      true,
      { cause: error },
    );
  }
}
