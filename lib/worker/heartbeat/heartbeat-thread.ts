import { Worker as Thread } from 'node:worker_threads';
import type { ThreadBeat } from '../../core/capabilities/thread-beating-backend.js';
import type { SitqLogger } from '../../core/logger.js';
import { textOf } from '../../core/text-of.js';
import { heartbeatScript, type HeartbeatData } from './heartbeat-script.js';

/** What the thread may take of memory, in MB: it holds a driver and a number. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
const SCRIPT = `(${heartbeatScript.toString()})(require, require('node:worker_threads').workerData)`;
const WORD = Int32Array.BYTES_PER_ELEMENT;

/** What the heartbeat needs to know. */
export interface HeartbeatThreadParts extends Omit<HeartbeatData, 'words'> {
  readonly beat: ThreadBeat;
  readonly logger: SitqLogger;
  /** The event loop stood still for so many ms; whether the thread has kept the lease meanwhile. */
  readonly onBlocked: (ms: number, isKept: boolean) => void;
}

/**
 * Keeps a worker's lease while its event loop stands still, from a small thread: a handler that
 * computes is no dead worker.
 */
export class HeartbeatThread {
  private readonly words = new Int32Array(new SharedArrayBuffer(3 * WORD));
  private thread: Thread | undefined;
  private timer: NodeJS.Timeout | undefined;
  private turnedAt = 0;

  constructor(private readonly parts: HeartbeatThreadParts) {}

  start(): void {
    const { beat, lease, logger, maxBlocked, workerId } = this.parts;
    const workerData: HeartbeatData = { beat, lease, maxBlocked, workerId, words: this.words };
    try {
      this.thread = new Thread(SCRIPT, { eval: true, workerData, resourceLimits: LIMITS });
    } catch (error) {
      logger.warn(`There is no heartbeat while the event loop stands still: ${textOf(error)}`);
      return;
    }
    this.thread.on('error', (error) => {
      logger.warn(`The heartbeat beside the event loop has ended: ${textOf(error)}`);
    });
    this.thread.unref();
    this.turnedAt = performance.now();
    this.timer = setInterval(() => this.turn(), lease / 12).unref();
  }

  /** The worker has renewed its lease itself. */
  noteRenewed(): void {
    Atomics.add(this.words, 2, 1);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.thread?.terminate();
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
