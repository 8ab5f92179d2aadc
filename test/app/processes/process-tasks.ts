import { Inject, Injectable } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { BackendError, Task, TaskContext, TaskQueue, type StoredTask } from '../../../lib/index.js';
import { append, tell } from './parent.js';
import type { LedgerEntry, Receipt, WorkerConfig } from './protocol.js';

export const WORKER_CONFIG = Symbol('worker config');

/** How a process can end by what its handlers do; `memory`: there is no more of it. */
export type Death = 'abort' | 'kill' | 'memory';

/** Handlers that write a ledger of their runs and return who they were. */
@Injectable()
export class ProcessTasks {
  private readonly gates = new Map<string, () => void>();

  constructor(
    @Inject(WORKER_CONFIG) private readonly config: WorkerConfig,
    private readonly run: TaskContext,
    private readonly queue: TaskQueue,
  ) {}

  /** Takes so many milliseconds. */
  @Task({ attempts: 5 })
  work(ms: number): Promise<Receipt> {
    return this.recorded(() => sleep(ms));
  }

  /** Runs until it is released or its signal aborts. */
  @Task({ backoff: 0 })
  hold(): Promise<Receipt> {
    return this.recorded((receipt) => this.untilReleased(receipt.task));
  }

  /** The first attempt blocks the event loop until the file is there; later ones hold. */
  @Task({ backoff: 0 })
  block(file: string): Promise<Receipt> {
    return this.recorded((receipt) => {
      if (receipt.attempt > 1) return this.untilReleased(receipt.task);
      const pause = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
      return undefined;
    });
  }

  /** Blocks the event loop again and again, for so many ms, with one turn between. */
  @Task()
  slice(file: string, ms = 600): Promise<Receipt> {
    return this.recorded(async () => {
      while (!existsSync(file)) {
        const end = Date.now() + ms;
        while (Date.now() < end);
        await nextTurn();
      }
    });
  }

  /** Blocks the event loop from its first moment on until the file is there. */
  @Task()
  compute(file: string): Receipt {
    const { task, attempt } = this.run;
    const receipt = { task: task.id, attempt, lease: attempt, worker: this.config.name };
    this.record({ ...receipt, step: 'start', at: Date.now() });
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
    return receipt;
  }

  /** Computes for so many milliseconds, and lets nothing else happen meanwhile. */
  @Task()
  spin(ms: number): Promise<Receipt> {
    return this.recorded(() => {
      const end = Date.now() + ms;
      while (Date.now() < end);
    });
  }

  /** Returns what it was given. */
  @Task({ attempts: 5 })
  async echo(value: unknown): Promise<unknown> {
    await this.recorded(() => undefined);
    return value;
  }

  /** Fails with this message. */
  @Task()
  fail(text: string): Promise<Receipt> {
    return this.recorded(() => Promise.reject(new Error(text)));
  }

  /** Takes its process down, at each attempt in another way. */
  @Task({ attempts: 2, backoff: 0 })
  poison(ways: readonly Death[] = ['abort', 'kill']): Promise<Receipt> {
    return this.recorded(({ attempt }) => {
      const way = ways[attempt - 1];
      if (way === 'abort') process.abort();
      if (way === 'kill') process.kill(process.pid, 'SIGKILL');
      for (const ballast: unknown[] = []; ;) ballast.push(new Array(1_000_000).fill(way));
    });
  }

  /** Never ends, holds no handle and looks at no signal; only its timeout is still ahead. */
  @Task({ timeout: '1h' })
  endless(): Promise<Receipt> {
    return this.recorded(() => new Promise(() => undefined));
  }

  /** Lets a held task go. */
  release(task: string): void {
    this.gates.get(task)?.();
  }

  /** Does the work of a task between two lines of the ledger. */
  async recorded(work: (receipt: Receipt) => unknown): Promise<Receipt> {
    const { signal, task } = this.run;
    // Soon after the claim; another worker's lease is not taken for this one's.
    const stored = await this.stored(task.id);
    const receipt = {
      task: task.id,
      attempt: task.attempt,
      lease: stored?.workerId === task.workerId ? stored!.lease : 0,
      worker: this.config.name,
    };
    this.record({ ...receipt, step: 'start', at: Date.now() });
    signal.addEventListener('abort', () => {
      const reason = (signal.reason as Error).name;
      this.record({ ...receipt, step: 'abort', at: Date.now(), reason });
    });
    await work(receipt);
    this.record({ ...receipt, step: 'end', at: Date.now() });
    return receipt;
  }

  private untilReleased(task: string): Promise<void> {
    const { signal } = this.run;
    return new Promise((resolve, reject) => {
      this.gates.set(task, resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }

  /** Waits for the end of an outage: a run must not fail for it. */
  private async stored(taskId: string): Promise<StoredTask | null> {
    for (;;) {
      try {
        return await this.queue.backend.getTask(taskId);
      } catch (error) {
        if (!(error instanceof BackendError && error.transient)) throw error;
        await sleep(100);
      }
    }
  }

  private record(entry: LedgerEntry): void {
    append(this.config.ledger, entry);
    tell({ event: 'handler', ...entry });
  }
}
