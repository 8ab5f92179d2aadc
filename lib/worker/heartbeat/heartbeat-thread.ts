import { Worker as Thread } from 'node:worker_threads';
import type {
  ThreadBeat,
  ThreadBeatingBackend,
} from '../../core/capabilities/thread-beating-backend.js';
import type { SitqLogger } from '../../core/logger.js';
import { textOf } from '../../core/text-of.js';
import { bareStart } from './bare-start.js';
import { HEARTBEAT_SCRIPT } from './heartbeat-script.js';

const WORD = Int32Array.BYTES_PER_ELEMENT;
/** How often it is started before it is given up... */
const MOST_STARTS = 4;
/** ...with how much more time between two starts from the third one on, in ms... */
const PAUSE = 1000;
/** ...unless it has lived for so long meanwhile, in ms. */
const LONG_LIFE = 600_000;

/** What the heartbeat needs to know. */
export interface HeartbeatThreadParts {
  readonly workerId: string;
  /** In ms. */
  readonly lease: number;
  /** How long the event loop may stand still before the lease is let go, in ms. */
  readonly maxBlocked: number;
  readonly backend: ThreadBeatingBackend;
  readonly logger: SitqLogger;
  /** The event loop stood still for so many ms; whether the thread has kept the lease meanwhile. */
  readonly onBlocked: (ms: number, isKept: boolean) => void;
}

/**
 * Keeps a worker's lease while its event loop stands still, from a small thread: a handler that
 * computes is no dead worker. As long as the loop turns the worker renews the lease itself, with or
 * without it.
 */
export class HeartbeatThread {
  /** Turns of the event loop, beats of the thread, renewals by the worker itself. */
  private readonly words = new Int32Array(new SharedArrayBuffer(3 * WORD));
  private thread: Thread | undefined;
  private timer: NodeJS.Timeout | undefined;
  private turnedAt = 0;
  private starts = 0;
  /** What needs what the process preloads, such as a loader of packages, is started with it. */
  private isBare = true;
  private pause: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly parts: HeartbeatThreadParts) {}

  start(): void {
    try {
      const beat = this.parts.backend.threadBeat();
      if (!beat) return;
      this.launch(beat);
    } catch (error) {
      this.giveUp(textOf(error));
    }
    this.turnedAt = performance.now();
    this.timer = setInterval(() => this.turn(), this.parts.lease / 12).unref();
  }

  /** The worker has renewed its lease itself. */
  noteRenewed(): void {
    Atomics.add(this.words, 2, 1);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    clearTimeout(this.pause);
    await this.thread?.terminate();
  }

  private launch(beat: ThreadBeat): void {
    const { lease, maxBlocked, workerId } = this.parts;
    const workerData = { beat, lease, maxBlocked, workerId, words: this.words };
    const startedAt = performance.now();
    let isReady = false;
    let reason: string | undefined;
    this.starts += 1;
    try {
      const start = this.isBare ? bareStart() : {};
      this.thread = new Thread(HEARTBEAT_SCRIPT, { eval: true, workerData, ...start });
    } catch (error) {
      this.recover(beat, isReady, textOf(error));
      return;
    }
    this.thread.once('message', () => (isReady = true));
    this.thread.once('error', (error) => (reason = textOf(error)));
    this.thread.once('exit', (code) => {
      if (performance.now() - startedAt > LONG_LIFE) this.starts = 0;
      this.recover(beat, isReady, reason ?? `it has left with ${code}`);
    });
    this.thread.unref();
  }

  /** The thread has ended, or could not begin. */
  private recover(beat: ThreadBeat, wasReady: boolean, reason: string): void {
    if (this.isStopped) return;
    this.thread = undefined;
    if (this.starts >= MOST_STARTS) return this.giveUp(reason);
    if (!wasReady) this.isBare = !this.isBare;
    const how = this.isBare ? 'without' : 'with';
    this.parts.logger.warn(
      `The heartbeat thread of worker ${this.parts.workerId} ` +
        `${wasReady ? 'has ended' : 'could not start'}: ${reason}. It is started again, ${how} ` +
        `what this process preloads.`,
    );
    const pause = Math.max(0, this.starts - 1) * PAUSE;
    this.pause = setTimeout(() => this.launch(beat), pause).unref();
  }

  private giveUp(reason: string): void {
    const { lease, logger, workerId } = this.parts;
    logger.error(
      `Worker ${workerId} has no heartbeat thread: ${reason}. When a handler computes for longer ` +
        `than the lease of ${lease} ms without letting go of the event loop, what this worker runs ` +
        `is handed on and runs twice. The thread needs worker threads to be allowed ` +
        `(--allow-worker), and the driver of the database in a file of its own (external to a ` +
        `bundle). To do without, give a lease that is longer, and worker.maxBlocked: 0.`,
    );
  }

  private turn(): void {
    const now = performance.now();
    const blocked = now - this.turnedAt;
    this.turnedAt = now;
    Atomics.add(this.words, 0, 1);
    const beats = Atomics.exchange(this.words, 1, 0);
    if (blocked > this.parts.lease / 2) this.parts.onBlocked(blocked, beats > 0);
  }
}
