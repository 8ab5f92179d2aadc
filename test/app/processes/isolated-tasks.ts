import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';
import { from, type Observable } from 'rxjs';
import { DataSource, type DataSourceOptions } from 'typeorm';
import {
  DoNotRetryError,
  RetryAfterError,
  Snooze,
  Task,
  TaskContext,
  TaskQueue,
} from '../../../lib/index.js';
import type { WorkerConfig } from './protocol.js';

const tenants = new AsyncLocalStorage<string>();

/** Tells the threads what the process was told. */
export const CONFIG_VARIABLE = 'SITQ_TEST_ISOLATED';

export function readConfig(): WorkerConfig {
  return JSON.parse(process.env[CONFIG_VARIABLE]!) as WorkerConfig;
}

/** What is added to the name of the ledger: beside such a file threads do not boot, or close slowly. */
export const BROKEN = '.broken';
export const SLOW = '.slow';

/** Where a handler ran. */
export interface Whereabouts {
  readonly thread: number;
  readonly pid: number;
  /** How many instances its thread has made. */
  readonly made: number;
}

/** An error of the application. */
class TooHotError extends Error {
  override readonly name = 'TooHotError';
  readonly code = 'TOO_HOT';

  constructor(readonly degrees: number) {
    super(`It is ${degrees} degrees.`);
  }
}

@Injectable()
export class IsolatedTasks implements OnModuleDestroy {
  private static made = 0;

  constructor(
    private readonly run: TaskContext,
    private readonly queue: TaskQueue,
  ) {
    IsolatedTasks.made += 1;
    if (!isMainThread && existsSync(readConfig().ledger + BROKEN)) {
      throw new Error('broken for now');
    }
  }

  async onModuleDestroy(): Promise<void> {
    if (!isMainThread && existsSync(readConfig().ledger + SLOW)) await sleep(1500);
    this.note({ closed: threadId });
  }

  /** Not isolated. */
  @Task()
  here(): Whereabouts {
    return this.whereabouts();
  }

  @Task({ isolate: true })
  there(): Whereabouts {
    return this.whereabouts();
  }

  @Task({ isolate: true })
  echo(value: unknown): unknown {
    return value;
  }

  /** Tells in which context it begins, and leaves one behind. */
  @Task({ isolate: true })
  async tenant(): Promise<string | null> {
    const seen = tenants.getStore() ?? null;
    tenants.enterWith(this.run.task.id);
    return seen;
  }

  /** Lets nothing else happen in its thread. */
  @Task({ isolate: true })
  spin(ms: number): string {
    const end = Date.now() + ms;
    while (Date.now() < end);
    return 'done';
  }

  @Task({ isolate: true, timeout: 300, attempts: 1 })
  tooLong(): never {
    for (;;);
  }

  @Task({ isolate: true })
  endless(): never {
    for (;;);
  }

  /** Ends when its signal aborts, and says why it did. */
  @Task({ isolate: true, timeout: '1h' })
  async patient(): Promise<never> {
    const { signal } = this.run;
    this.run.log('waits');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    this.run.log(`aborted by ${(signal.reason as Error).name}`);
    throw signal.reason;
  }

  @Task({ isolate: true })
  talk(): string {
    for (let i = 1; i <= 5; i += 1) {
      this.run.progress(20 * i);
      this.run.log(`line ${i} of attempt ${this.run.attempt} of ${this.run.task.name}`);
    }
    return 'said';
  }

  /** Reports so often, without a pause. */
  @Task({ isolate: true })
  flood(times: number): string {
    for (let i = 1; i <= times; i += 1) {
      this.run.progress(i);
      this.run.log(`line ${i}`);
    }
    return 'said';
  }

  @Task({ isolate: true })
  count(): Observable<number> {
    return from([1, 2, 3]);
  }

  @Task({ isolate: true, attempts: 2, backoff: 0 })
  fail(how: 'plainly' | 'for good' | 'later' | 'by nothing' | 'unreadably' | 'hugely'): never {
    if (how === 'for good') throw new DoNotRetryError('never again');
    if (how === 'later' && this.run.attempt === 1) throw new RetryAfterError(1);
    if (how === 'by nothing') throw undefined;
    if (how === 'unreadably') throw unreadable(new DoNotRetryError('not again'));
    if (how === 'hugely') throw Object.assign(new Error('huge'), { text: 'x'.repeat(50_000_000) });
    throw new TooHotError(40);
  }

  @Task({
    isolate: true,
    attempts: 5,
    backoff: 0,
    retryIf: (error) => (error as Error & { degrees?: number }).degrees !== 41,
  })
  judged(): never {
    throw new TooHotError(39 + this.run.attempt);
  }

  @Task({ isolate: true })
  snooze(): string {
    if (this.run.task.attempt === 1 && Date.now() - this.run.task.createdAt.getTime() < 1000) {
      this.run.snooze(1000);
    }
    return 'awake';
  }

  @Task({ isolate: true, attempts: 1 })
  putOff(): string {
    if (Date.now() - this.run.task.createdAt.getTime() < 500) throw new Snooze('500ms');
    return `awake in attempt ${this.run.attempt}`;
  }

  @Task({ isolate: true })
  unkeepable(): unknown {
    return { handler: () => 1 };
  }

  /** So many lists in each other: its stack may hold more of them than that of the process. */
  @Task({ isolate: true, backoff: 0 })
  deep(levels: number): unknown {
    let value: unknown = new Date(0);
    for (let i = 0; i < levels; i += 1) value = [value];
    return value;
  }

  @Task({ isolate: true, attempts: 2, backoff: 0 })
  hungry(): never {
    const eaten: unknown[] = [];
    for (;;) eaten.push(new Array(100_000).fill(eaten.length));
  }

  /** Notes every now and then that it goes on. */
  @Task({ isolate: true })
  tick(): never {
    for (;;) {
      this.note({ tick: Date.now() });
      execSync('sleep 0.02');
    }
  }

  /** Its first attempt is so long in native code, which cannot be interrupted. */
  @Task({ isolate: true, attempts: 2, backoff: 0, timeout: 300 })
  native(seconds: number): string {
    const { attempt } = this.run;
    if (attempt === 1) execSync(`sleep ${seconds}; echo '{"native":1}' >> ${readConfig().ledger}`);
    this.note({ native: attempt });
    return 'done';
  }

  @Task({ isolate: true, attempts: 2, backoff: 0 })
  trap(): never {
    throw Object.defineProperty(new Error('as it was'), 'field', {
      enumerable: true,
      get: () => {
        throw new Error('not to be read');
      },
    });
  }

  @Task({ isolate: true, attempts: 2, backoff: 0 })
  leave(): never {
    return process.exit(7);
  }

  @Task({ isolate: true })
  async enqueue(): Promise<string> {
    const handle = await this.queue.for(IsolatedTasks).echo('from a thread');
    return handle.id;
  }

  /** Completes its task in a transaction, and then fails. */
  @Task({ isolate: true, attempts: 1 })
  async complete(rollBack: boolean): Promise<never> {
    const { store } = readConfig();
    const type = 'type' in store ? store.type : 'better-sqlite3';
    const dataSource = new DataSource({ ...store, type } as DataSourceOptions);
    await dataSource.initialize();
    try {
      await dataSource.transaction(async (manager) => {
        await this.run.complete(manager, 'in a transaction');
        if (rollBack) throw new Error('rolled back');
      });
      throw new Error('too late');
    } finally {
      await dataSource.destroy();
    }
  }

  private note(what: object): void {
    appendFileSync(readConfig().ledger, `${JSON.stringify(what)}\n`);
  }

  private whereabouts(): Whereabouts {
    return { thread: threadId, pid: process.pid, made: IsolatedTasks.made };
  }
}

/** The same error with a field that cannot be read. */
function unreadable(error: Error): Error {
  const get = () => {
    throw new Error('cannot be read');
  };
  return Object.defineProperty(error, 'detail', { get, enumerable: true });
}
