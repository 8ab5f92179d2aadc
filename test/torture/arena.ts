import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { TaskQueue, type WorkerOptions } from '../../lib/index.js';
import type { StoreKind } from '../app/databases/kinds.js';
import type { Sql } from '../app/databases/sql.js';
import { findDamage, installAudit, readAudit } from '../app/processes/audit.js';
import type { Child } from '../app/processes/child.js';
import type { History, Kill } from '../app/processes/history.js';
import { seededRandom } from '../app/processes/random.js';
import type { WorkerConfig } from '../app/processes/protocol.js';
import { Scene, until } from '../app/processes/scene.js';
import { createStore, type Store } from '../app/stores.js';

/** How a run goes. */
export interface Plan {
  readonly seed: number;
  /** It is over after so many cycles... */
  readonly cycles: number;
  /** ...or so many ms, whichever comes first. */
  readonly time: number;
  /** @default 'full' */
  readonly durability?: 'full' | 'relaxed';
}

/** Who works while the fault happens. */
export interface Load {
  /** @default 4 */
  readonly workers?: number;
  readonly worker?: WorkerOptions;
  /** How the processes reach the store, where that is not the direct way. */
  readonly through?: Store['options'];
  /** More environment of the producers. */
  readonly producerEnv?: Readonly<Record<string, string>>;
  /** What else a worker of this name is started with. */
  readonly more?: (name: string) => Partial<WorkerConfig>;
}

/** What was left when all was over. */
export interface Remains {
  readonly history: History;
  /** What the database finds wrong with its files. */
  readonly damage: readonly unknown[];
  /** Processes that ended although nobody had ended them. */
  readonly crashes: readonly string[];
}

/** What an open arena has. */
interface Stage {
  readonly scene: Scene;
  readonly store: Store;
  readonly load: Load;
  /** Only enqueues and looks. */
  app: INestApplicationContext;
}

/** Those that have the option. */
const DURABLE = new Set<StoreKind>(['sqlite', 'postgres']);
export const LEASE = 2000;
export const POLL = 1000;
const CONCURRENCY = 6;
const WORKERS = 4;
/** How long the rest may take once nothing goes wrong any more. */
const LONGEST_DRAIN = 120_000;

/** Producers and workers as processes on one store, and somebody who makes trouble for them. */
export class Arena {
  readonly kills: Kill[] = [];
  /** Workers that have booted and were not ended. */
  readonly up = new Set<Child>();
  /** How often the fault has happened. */
  done = 0;

  private readonly random: () => number;
  private readonly starting = new Set<Promise<unknown>>();
  private readonly producers = new Map<string, Child>();
  private readonly ended = new Set<Child>();
  private readonly children: Child[] = [];
  private readonly closers: (() => unknown)[] = [];
  private opened: Stage | undefined;
  private workers = 0;
  private endsAt = Infinity;

  constructor(
    readonly kind: StoreKind,
    private readonly plan: Plan,
  ) {
    this.random = seededRandom(plan.seed);
  }

  /** Starts the producer `steady` and the workers. */
  async open(load: Load = {}, store?: Store): Promise<void> {
    const place = this.withDurability(store ?? (await createStore(this.kind)));
    const scene = new Scene(place);
    this.afterwards(() => scene.close());
    this.opened = { scene, app: await scene.open(), store: place, load };
    await this.withSql(installAudit);
    await this.startAll();
  }

  get scene(): Scene {
    return this.stage.scene;
  }

  get store(): Store {
    return this.stage.store;
  }

  get queue(): TaskQueue {
    return this.stage.app.get(TaskQueue);
  }

  /** Does it again and again until the run is over. */
  async cycles(cycle: (n: number) => Promise<void>): Promise<void> {
    this.endsAt = Date.now() + this.plan.time;
    while (this.done < this.plan.cycles && Date.now() < this.endsAt) {
      await cycle(this.done);
      this.done += 1;
    }
  }

  /** Every producer and worker that is up or on its way. */
  get living(): Child[] {
    return this.children.filter((child) => child.alive);
  }

  /** A number of this range. */
  between(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  pick<T>(items: Iterable<T>): T {
    const list = [...items];
    return list[Math.floor(this.random() * list.length)]!;
  }

  /** A random moment of this range from now on, which nothing announces. */
  pass(least: number, most: number): Promise<void> {
    return sleep(this.between(least, most));
  }

  /** A worker that is up, as soon as there are so many. */
  async victim(of = 1): Promise<Child> {
    await until(() => this.up.size >= of);
    return this.pick(this.up);
  }

  /** Resolves when it works. */
  async startWorker(more: Partial<WorkerConfig> = {}): Promise<Child> {
    const { scene, load } = this.stage;
    const options = { concurrency: CONCURRENCY, lease: LEASE, pollInterval: POLL, ...load.worker };
    const name = `worker-${(this.workers += 1)}`;
    const store = load.through ?? scene.options;
    const worker = scene.worker(name, options, { store, ...load.more?.(name), ...more });
    this.children.push(worker);
    const ready = worker.ready().then(() => this.up.add(worker));
    this.starting.add(ready);
    await ready.finally(() => this.starting.delete(ready));
    return worker;
  }

  /** The same in the background; {@link finish} waits for it. */
  replace(): void {
    this.startWorker().catch(() => undefined); // a worker that did not boot is a crash
  }

  /** Starts it, or starts it again: then it first repeats what it was never told the end of. */
  async startProducer(name: string): Promise<{ repeated: number; stored: number }> {
    const { scene, load } = this.stage;
    const producer = scene.producer(name, this.plan.seed + this.done, {
      store: load.through,
      env: load.producerEnv,
    });
    this.children.push(producer);
    this.producers.set(name, producer);
    await producer.ready();
    return producer.ask('produce');
  }

  producer(name = 'steady'): Child {
    return this.producers.get(name)!;
  }

  kill(child: Child): void {
    this.noteDeath(child, Date.now());
    child.kill('SIGKILL');
  }

  /** This process died; from then on its tasks may be taken over. */
  noteDeath(child: Child, at: number): void {
    this.expectEnd(child);
    this.kills.push({ pid: child.pid, at });
  }

  /** This process may end, with its tasks in order. */
  expectEnd(child: Child): void {
    this.up.delete(child);
    this.ended.add(child);
  }

  /**
   * Every process dies with its machine, which then starts anew: the producer and the workers that
   * it is opened with. Nobody has the store open meanwhile.
   */
  async startAnew(meanwhile: () => Promise<void>): Promise<void> {
    await Promise.all(this.starting);
    const { living } = this;
    for (const child of living) this.kill(child);
    await Promise.all(living.map((child) => child.exit));
    await this.stage.app.close();
    await meanwhile();
    this.stage.app = await this.scene.open();
    await this.startAll();
  }

  /** The latest is closed first. */
  afterwards(close: () => unknown): void {
    this.closers.push(close);
  }

  /** On a connection of its own, past sitq. */
  async withSql<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = await this.store.sql();
    try {
      return await work(sql);
    } finally {
      await sql.close();
    }
  }

  /** Lets the producers stop and the workers finish, and reads what all of them left. */
  async finish(): Promise<Remains> {
    await Promise.all(this.starting);
    await Promise.all([...this.producers.values()].map((producer) => producer.ask('stop')));
    await this.drain();
    const journal = this.scene.readJournal();
    const ledger = this.scene.readLedger();
    const history = { journal, ledger, kills: this.kills, ...(await this.withSql(readAudit)) };
    const crashed = this.children.filter((child) => !child.alive && !this.ended.has(child));
    return {
      history,
      damage: await this.withSql(findDamage),
      crashes: await Promise.all(crashed.map(describe)),
    };
  }

  /** What the processes wrote that matches. */
  said(pattern: RegExp): string[] {
    return this.children.flatMap((child) => child.output.match(pattern) ?? []);
  }

  /** What cannot be cleared away, such as a database on a server that is down, is left and told. */
  async close(): Promise<void> {
    for (const close of this.closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        console.error(`Not cleared away: ${String(error)}`);
      }
    }
  }

  private withDurability(store: Store): Store {
    if (this.plan.durability !== 'relaxed' || !DURABLE.has(store.kind)) return store;
    return { ...store, options: { ...store.options, durability: 'relaxed' } };
  }

  private async startAll(): Promise<void> {
    await this.startProducer('steady');
    const { workers = WORKERS } = this.stage.load;
    await Promise.all(Array.from({ length: workers }, () => this.startWorker()));
  }

  private async drain(): Promise<void> {
    const giveUpAt = Date.now() + LONGEST_DRAIN;
    for (;;) {
      const { queued, running } = await this.queue.counts();
      if (queued + running === 0) return;
      if (Date.now() > giveUpAt) return; // what is left is a violation
      await sleep(50);
    }
  }

  private get stage(): Stage {
    if (!this.opened) throw new Error('Open the arena first.');
    return this.opened;
  }
}

async function describe(child: Child): Promise<string> {
  return `${child.config.name} ${JSON.stringify(await child.exit)}: ${child.output.slice(-2000)}`;
}
