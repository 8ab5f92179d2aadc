import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StoreOptions } from '../stores.js';
import type { Answer, ChildEvent, LedgerEntry, ProducerConfig, WorkerConfig } from './protocol.js';

/** The compiled processes: beside this file, unless it is not compiled itself. */
const COMPILED = new URL(
  import.meta.url.endsWith('.ts') ? '../../../build/test/test/app/processes/' : './',
  import.meta.url,
);

/** The compiled file of a kind of process. */
export function processFile(kind: string): string {
  return fileURLToPath(new URL(`${kind}.process.js`, COMPILED));
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What every config has. */
interface Named {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More options of Node. */
  readonly execArgv?: readonly string[];
  /** Another file than that of its kind, such as a bundle of it. */
  readonly file?: string;
}

/** A child process as a test sees it. */
export class Child<C extends Named = Named> {
  private static readonly living = new Set<Child>();

  /** Resolves when the process has ended and all that it wrote was read. */
  readonly exit: Promise<Exit>;
  /** What it wrote to stdout and stderr. */
  output = '';

  private readonly process: ChildProcess;
  private readonly events: ChildEvent[] = [];
  private readonly answers: Answer[] = [];
  private readonly waiting = new Set<() => void>();
  private questions = 0;
  private exited: Exit | undefined;

  static worker(config: WorkerConfig): Child<WorkerConfig> {
    return new Child('worker', config);
  }

  static producer(config: ProducerConfig): Child<ProducerConfig> {
    return new Child('producer', config);
  }

  /** Runs `Payments`. */
  static payments(config: WorkerConfig): Child<WorkerConfig> {
    return new Child('payments', config);
  }

  /** Runs `IsolatedTasks`. */
  static isolated(config: WorkerConfig): Child<WorkerConfig> {
    return new Child('isolated', config);
  }

  /** Boots an application at each `ask('boot', store)`. */
  static boot(name: string): Child {
    return new Child('boot', { name });
  }

  /** Boots applications that fail, and ends by itself. */
  static failing(name: string, store: StoreOptions): Child {
    return new Child('failing', { name, store } as Named);
  }

  /** Runs a handler that closes its application, and ends by itself. */
  static closer(name: string, store: StoreOptions): Child {
    return new Child('closer', { name, store } as Named);
  }

  /** An application with a transaction host, to be booted by `ask('boot', ...)`. */
  static cls(name: string): Child {
    return new Child('cls', { name });
  }

  /** Kills every child that still lives; for `afterEach`. */
  static async killAll(): Promise<void> {
    const children = [...Child.living];
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => child.exit));
  }

  private constructor(
    kind: 'worker' | 'producer' | 'payments' | 'isolated' | 'boot' | 'cls' | 'failing' | 'closer',
    readonly config: C,
  ) {
    this.process = fork(config.file ?? processFile(kind), [JSON.stringify(config)], {
      env: { ...process.env, ...config.env },
      execArgv: [...(config.execArgv ?? [])],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    Child.living.add(this);
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.on('data', (data: Buffer) => (this.output += String(data)));
    }
    this.process.on('message', (message: ChildEvent | Answer) => {
      if ('answer' in message) this.answers.push(message);
      else this.events.push(message);
      this.changed();
    });
    this.exit = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.exited = { code, signal };
        Child.living.delete(this);
        this.changed();
        resolve(this.exited);
      });
    });
  }

  get pid(): number {
    return this.process.pid!;
  }

  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Resolves when it says, or has said, this. */
  async said(event: 'loaded' | 'ready' | 'burst' | 'waiting'): Promise<this> {
    await this.seen(() => this.events.find((each) => each.event === event));
    return this;
  }

  /** Resolves when its application is up. */
  ready(): Promise<this> {
    return this.said('ready');
  }

  /** Lets a process boot that waits for it. */
  go(): void {
    this.process.send('go');
  }

  /** What its handlers did so far. */
  get ledger(): LedgerEntry[] {
    return this.events.filter((event) => event.event === 'handler');
  }

  /** Resolves to the first step of this kind that its handlers take, or took, with the task. */
  handler(step: LedgerEntry['step'], task: string, attempt?: number): Promise<LedgerEntry> {
    return this.seen(() =>
      this.ledger.find(
        (entry) =>
          entry.step === step &&
          entry.task === task &&
          (attempt === undefined || entry.attempt === attempt),
      ),
    );
  }

  /** Asks the process to do something and resolves to its answer. */
  async ask<T = void>(command: string, argument?: unknown): Promise<T> {
    const id = (this.questions += 1);
    this.process.send({ id, command, argument }, () => undefined); // a dead one shows below
    const { value, error } = await this.seen(() =>
      this.answers.find(({ answer }) => answer === id),
    );
    if (error) throw new Error(`${this.config.name} answered: ${error}`);
    return value as T;
  }

  private async seen<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.exited) {
        throw new Error(
          `${this.config.name} ended with ${JSON.stringify(this.exited)}.\n${this.output}`,
        );
      }
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  private changed(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const look of waiting) look();
  }
}
