import type { Backend } from '../backend.js';

/**
 * What a backend tells of a registered worker. Instants are milliseconds since the epoch by the
 * clock of the store.
 *
 * @publicApi
 */
export interface StoredWorker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Null of a worker whose nestjs-sitq did not tell. */
  readonly version: string | null;
  /** Null for every queue. */
  readonly queues: readonly string[] | null;
  readonly handlers: readonly string[];
  /** Runs at once of the handlers that have a limit of their own. */
  readonly limits: Readonly<Record<string, number>>;
  /** Slots; null when they are not known. */
  readonly concurrency: number | null;
  /** As of the last beat. */
  readonly lingering: Readonly<Record<string, number>>;
  /** How many tasks the store says it runs at this moment, by handler. */
  readonly running: Readonly<Record<string, number>>;
  /** As of the last beat. */
  readonly stuck: number;
  /** As of the last beat; null when it is not known. */
  readonly loopLag: number | null;
  readonly startedAt: number;
  readonly lastBeatAt: number;
  readonly expiresAt: number;
  /** Whether `expiresAt` is ahead, by the clock of the store. */
  readonly alive: boolean;
}

/**
 * A store that can tell which workers are registered.
 *
 * @publicApi
 */
export interface WorkerListingBackend {
  /** Every registered worker, oldest first; also those that fell silent, until they are removed. */
  listWorkers(): Promise<StoredWorker[]>;
}

/** Whether the store has this capability. */
export function isWorkerListingBackend(
  backend: Backend,
): backend is Backend & WorkerListingBackend {
  return 'listWorkers' in backend;
}
