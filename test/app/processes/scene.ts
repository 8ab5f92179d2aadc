import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SitqModule, TaskQueue, type SitqOptions, type WorkerOptions } from '../../../lib/index.js';
import { Child } from './child.js';
import { readLines } from './lines.js';
import type { JournalEntry, LedgerEntry, ProducerConfig, WorkerConfig } from './protocol.js';

/** A new folder with a database, the files that children write, and the children themselves. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'sitq-'));
  readonly database = this.path('tasks.sqlite');
  private readonly journal = this.path('journal.jsonl');
  private readonly ledger = this.path('ledger.jsonl');
  private readonly closers: (() => unknown)[] = [];

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a worker process. */
  worker(name: string, worker?: WorkerOptions, more?: Partial<WorkerConfig>): Child<WorkerConfig> {
    const { database, ledger } = this;
    return Child.worker({ name, database, ledger, worker, ...more });
  }

  /** Starts a producer process. */
  producer(name: string, seed = 1): Child<ProducerConfig> {
    const { database, journal } = this;
    return Child.producer({ name, database, journal, seed });
  }

  /** An application in this process; it only enqueues unless the options say otherwise. */
  async open(options: SitqOptions = {}): Promise<INestApplicationContext> {
    const app = await NestFactory.createApplicationContext(
      SitqModule.forRoot({ database: this.database, worker: false, ...options }),
      { logger: false, abortOnError: false },
    );
    this.closers.push(() => app.close());
    return app;
  }

  /** The queue of such an application. */
  async queue(): Promise<TaskQueue> {
    return (await this.open()).get(TaskQueue);
  }

  /** A connection to the database, past sitq. */
  sql(): Database.Database {
    const db = new Database(this.database, { timeout: 10_000 });
    this.closers.push(() => db.close());
    return db;
  }

  readJournal(): JournalEntry[] {
    return readLines(this.journal);
  }

  readLedger(): LedgerEntry[] {
    return readLines(this.ledger);
  }

  /** Ends whatever still lives, and removes the folder. */
  async close(): Promise<void> {
    await Child.killAll();
    for (const close of this.closers.reverse()) await close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when a condition holds that nothing announces; rejects after 20 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
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
