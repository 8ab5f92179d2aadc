import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SitqModule, TaskQueue, type SitqOptions, type WorkerOptions } from '../../../lib/index.js';
import { openSqlite, type Sql } from '../databases/sql.js';
import type { Store, StoreOptions } from '../stores.js';
import { Child } from './child.js';
import { LinesFile } from './lines.js';
import type { JournalEntry, LedgerEntry, ProducerConfig, WorkerConfig } from './protocol.js';

/** A store, a folder with the files that children write, and the children themselves. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'sitq-'));
  /** The file, unless a store was given. */
  readonly database = this.path('tasks.sqlite');
  private readonly journal = this.path('journal.jsonl');
  private readonly ledger = this.path('ledger.jsonl');
  private readonly told = new LinesFile<JournalEntry>(this.journal);
  private readonly ran = new LinesFile<LedgerEntry>(this.ledger);
  private readonly children: Child[] = [];
  private readonly closers: (() => unknown)[] = [];

  /** On a new SQLite file, or on this store, which is dropped in the end. */
  constructor(private readonly store?: Store) {}

  /** How children and applications reach the store. */
  get options(): StoreOptions {
    return this.store?.options ?? { database: this.database };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a worker process. */
  worker(name: string, worker?: WorkerOptions, more?: Partial<WorkerConfig>): Child<WorkerConfig> {
    const { options: store, ledger } = this;
    return this.keep(Child.worker({ name, store, ledger, worker, ...more }));
  }

  /** Starts a process with payments. */
  payments(name: string, worker?: WorkerOptions): Child<WorkerConfig> {
    const { options: store, ledger } = this;
    return this.keep(Child.payments({ name, store, ledger, worker }));
  }

  /** Starts a process with isolated handlers. */
  isolated(
    name: string,
    worker?: WorkerOptions,
    more?: Partial<WorkerConfig>,
  ): Child<WorkerConfig> {
    const { options: store, ledger } = this;
    return this.keep(Child.isolated({ name, store, ledger, worker, ...more }));
  }

  /** Starts a producer process. */
  producer(
    name: string,
    seed = 1,
    { store = this.options, env }: Partial<Pick<ProducerConfig, 'store' | 'env'>> = {},
  ): Child<ProducerConfig> {
    return this.keep(Child.producer({ name, store, journal: this.journal, seed, env }));
  }

  /** An application in this process; it only enqueues unless the options say otherwise. */
  async open(options: SitqOptions = {}): Promise<INestApplicationContext> {
    const app = await NestFactory.createApplicationContext(
      SitqModule.forRoot({ ...this.options, worker: false, ...options }),
      { logger: false, abortOnError: false },
    );
    this.closers.push(() => app.close());
    return app;
  }

  /** The queue of such an application. */
  async queue(): Promise<TaskQueue> {
    return (await this.open()).get(TaskQueue);
  }

  /** A connection to the store, past sitq. */
  async connect(): Promise<Sql> {
    const sql = await (this.store?.sql() ?? openSqlite(this.database));
    this.closers.push(() => sql.close());
    return sql;
  }

  /** The same to the file, in one's own thread. */
  sql(): Database.Database {
    const db = new Database(this.database, { timeout: 10_000 });
    this.closers.push(() => db.close());
    return db;
  }

  readJournal(): JournalEntry[] {
    return this.told.read();
  }

  readLedger(): LedgerEntry[] {
    return this.ran.read();
  }

  /** Ends its processes that still live, and removes the folder. */
  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    await Promise.all(this.children.map((child) => child.exit));
    for (const close of this.closers.reverse()) await close();
    await this.store?.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private keep<C extends Child>(child: C): C {
    this.children.push(child);
    return child;
  }
}

/** Resolves when a condition holds that nothing announces; rejects when it takes longer. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  patience = 60_000,
): Promise<void> {
  const giveUpAt = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(`It never came true: ${String(condition)}`);
    await sleep(10);
  }
}

/** The value below which so much of the numbers lies. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}
