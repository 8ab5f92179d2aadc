import type { WorkerOptions } from '../../../lib/index.js';
import type { StoreOptions } from '../stores.js';

/** How a worker process is started. */
export interface WorkerConfig {
  /** Unique to this start of the process; what it writes carries it. */
  readonly name: string;
  readonly store: StoreOptions;
  readonly ledger: string;
  readonly worker?: WorkerOptions;
  /** Load everything, then boot only when told to, so that many processes boot at once. */
  readonly waitForGo?: boolean;
  /** Write everything that is logged, not only warnings and errors. */
  readonly log?: boolean;
  /** The old release lacks the handler `added`. @default 'old' */
  readonly release?: 'old' | 'new';
  /**
   * Has a database of its own, through a TypeOrmModule that is imported before or after sitq's, and
   * the handler `lookup`. @default none
   */
  readonly ownDatabase?: 'first' | 'last';
  /** More environment of the process. */
  readonly env?: Readonly<Record<string, string>>;
  /** More options of Node. */
  readonly execArgv?: readonly string[];
  /** Another file than that of its kind, such as a bundle of it. */
  readonly file?: string;
}

/** How a producer process is started. */
export interface ProducerConfig {
  /** Its tasks are called `name-0`, `name-1` and so on; a restart goes on where it was. */
  readonly name: string;
  readonly store: StoreOptions;
  readonly journal: string;
  readonly seed: number;
  /** More environment of the process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A line of the journal: what a producer asked for, and what it was told. */
export interface JournalEntry {
  readonly step: 'invoke' | 'ok' | 'fail';
  readonly task: string;
  readonly at: number;
  readonly error?: string;
}

/** A line of the ledger: what a handler did. */
export interface LedgerEntry extends Receipt {
  readonly step: 'start' | 'end' | 'abort';
  readonly at: number;
  /** Name of the error that aborted the signal. */
  readonly reason?: string;
}

/** Who ran a task. Handlers return it, so that a stored result tells whose it is. */
export interface Receipt {
  readonly task: string;
  readonly attempt: number;
  /** 0 where the lease was lost before the handler began. */
  readonly lease: number;
  /** Name of the process. */
  readonly worker: string;
}

/** What a child process tells its parent without being asked. */
export type ChildEvent =
  | { readonly event: 'loaded' | 'ready' | 'burst' | 'waiting' }
  | ({ readonly event: 'handler' } & LedgerEntry);

/** A question of the parent, and its answer. */
export interface Question {
  readonly id: number;
  readonly command: string;
  readonly argument?: unknown;
}
export interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: string;
}
