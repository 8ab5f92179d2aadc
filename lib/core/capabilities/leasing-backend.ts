import type { Backend } from '../backend.js';

/**
 * A worker as the store knows it.
 *
 * @publicApi
 */
export interface WorkerRegistration {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Tells this process from every other one on its host, also from one with a reused pid. */
  readonly processIdentity: string | null;
  /** Of nestjs-sitq. */
  readonly version: string;
  /** Null for every queue. */
  readonly queues: readonly string[] | null;
  readonly handlers: readonly string[];
  /** Runs at once of the handlers that have a limit of their own. */
  readonly limits: Readonly<Record<string, number>>;
  /** Slots; null when they are not known. */
  readonly concurrency: number | null;
}

/**
 * One sign of life.
 *
 * @publicApi
 */
export interface WorkerBeat {
  /** How long the registration holds from now, in ms. */
  readonly lease: number;
  readonly inFlight: number;
  readonly stuck: number;
  /**
   * Handlers, by name, that go on although their task has been settled or handed on: their slots
   * stay taken.
   */
  readonly lingering: Readonly<Record<string, number>>;
  /** The longest that the event loop was held up of late, in ms; null: not known. */
  readonly loopLag: number | null;
}

/**
 * A task taken from a worker that died.
 *
 * @publicApi
 */
export interface RescuedTask {
  readonly id: string;
  readonly name: string;
  readonly workerId: string;
  readonly attempt: number;
  /** `queued` for another attempt, `failed` after the last one, `cancelled` where requested. */
  readonly status: 'queued' | 'failed' | 'cancelled';
}

/**
 * A store in which workers hold their tasks by one registration each, renewed by heartbeats. A
 * running task whose worker's registration ran out is rescued by the next worker that looks.
 *
 * @publicApi
 */
export interface LeasingBackend {
  registerWorker(worker: WorkerRegistration, beat: WorkerBeat): Promise<void>;

  /** Renews the registration. False when it ran out: its tasks may have been handed on. */
  renewWorker(workerId: string, beat: WorkerBeat): Promise<boolean>;

  /**
   * Takes over the tasks of workers whose registration ran out or whose process is gone. The
   * worker that asks is neither, however late its own heartbeat is: it is asking.
   *
   * @param onlyGone not from those whose registration ran out: for who was away for a while, as
   * the others may have been. @default false
   */
  rescueTasks(rescuerId?: string, onlyGone?: boolean): Promise<RescuedTask[]>;

  /** Removes the registration of a worker that holds no task any more. */
  retireWorker(workerId: string): Promise<void>;
}

/** Whether the store has this capability. */
export function isLeasingBackend(backend: Backend): backend is Backend & LeasingBackend {
  return 'renewWorker' in backend && 'rescueTasks' in backend;
}
