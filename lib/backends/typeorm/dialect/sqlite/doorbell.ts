import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  watch,
  writeSync,
  type FSWatcher,
} from 'node:fs';
import type { BackendChange } from '../../../../core/capabilities/waking-backend.js';
import type { SitqLogger } from '../../../../core/logger.js';
import type { Waker } from '../../waker.js';

/** Two rings in this time are one. */
const QUIET = 1;
const BYTE = Buffer.from('!');
/** Never through a link: what it points to is not ours to write. */
const OPEN = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

/**
 * Wakes other processes: a one-byte file beside the database, written after a commit and watched
 * by whoever waits. Watching the database's own files would not do: they change before the commit
 * is visible. A ring is a hint; who misses one finds the change at the next poll.
 */
export class Doorbell implements Waker {
  private file: number | undefined;
  private watcher: FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;
  private again = false;
  private onRing: ((change: BackendChange) => void) | undefined;

  constructor(
    private readonly path: string,
    private readonly logger: SitqLogger | undefined,
  ) {}

  open(): void {
    try {
      this.file = openSync(this.path, OPEN, 0o600);
    } catch (error) {
      this.warn(error);
    }
  }

  /** Rings at once, and once more at the end of a quiet time in which it was asked to. */
  ring(): void {
    if (this.timer) {
      this.again = true;
      return;
    }
    this.write();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!this.again) return;
      this.again = false;
      this.ring();
    }, QUIET);
  }

  /** Calls back whenever any process rings, this one included. */
  listen(onRing: (change: BackendChange) => void): void {
    if (this.file === undefined || this.watcher) return;
    this.onRing = onRing;
    try {
      this.watcher = watch(this.path, { persistent: false }, () => {
        this.replaceIfRemoved();
        onRing({ kind: 'elsewhere' });
      });
      this.watcher.on('error', (error) => {
        this.warn(error);
        this.ignore();
      });
    } catch (error) {
      this.warn(error);
    }
  }

  /** Whoever comes after a removal makes another file, which nobody would hear on this one. */
  private replaceIfRemoved(): void {
    if (this.file === undefined || fstatSync(this.file).nlink > 0) return;
    const listening = this.watcher !== undefined;
    this.ignore();
    closeSync(this.file);
    this.file = undefined;
    this.open();
    if (listening && this.onRing) this.listen(this.onRing);
  }

  ignore(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  close(): void {
    clearTimeout(this.timer);
    if (this.again) this.write();
    this.again = false;
    this.ignore();
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private write(): void {
    if (this.file === undefined) return;
    try {
      this.replaceIfRemoved();
      if (this.file !== undefined) writeSync(this.file, BYTE, 0, 1, 0);
    } catch (error) {
      this.warn(error);
    }
  }

  private warn(error: unknown): void {
    this.logger?.warn(
      `The doorbell ${this.path} does not work (${String(error)}); other processes notice new ` +
        `tasks at their next poll.`,
    );
  }
}
