/**
 * A worker as the application sees it, by `TaskQueue.workers`.
 *
 * @publicApi
 */
export interface WorkerInfo {
  /** Unique to one start of one process. */
  readonly id: string;
  /**
   * Whether its lease holds, by the clock of the store. A process that was killed counts as alive
   * until its lease ends or another worker notices.
   */
  readonly alive: boolean;
  readonly host: string;
  readonly pid: number;
  /** Version of its nestjs-sitq; null when that was too old to tell. */
  readonly version: string | null;
  /** The queues that it takes tasks from; null for every queue. */
  readonly queues: readonly string[] | null;
  /** The names of the handlers that it has. */
  readonly handlers: readonly string[];
  /** Handlers with a concurrency of their own: how many of each it runs at once. */
  readonly limits: Readonly<Record<string, number>>;
  /** Slots: how many tasks it runs at once; null when it did not tell. */
  readonly concurrency: number | null;
  /**
   * How many slots are taken: tasks that it runs at this moment, and handlers that go on although
   * their task has been settled or handed on, as of the last beat.
   */
  readonly inFlight: number;
  /** The same by handler; those that take no slot are left out. */
  readonly running: Readonly<Record<string, number>>;
  /** How many of its handlers ignore their timeout, as of the last beat. */
  readonly stuck: number;
  /**
   * The longest that its event loop was held up during the last two intervals between beats, in
   * ms: nothing else could run in its process meanwhile. Null when it did not tell.
   */
  readonly loopLag: number | null;
  /** When it registered; it does so again after its lease was lost. */
  readonly startedAt: Date;
  /** When it last gave a sign of life. */
  readonly lastBeatAt: Date;
  /** Until when its tasks are its own unless it gives another sign of life. */
  readonly leaseExpiresAt: Date;
}
