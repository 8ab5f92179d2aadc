import { rmSync, statSync } from 'node:fs';
import type { SitqLogger } from '../../../../core/logger.js';
import { textOf } from '../../../../core/text-of.js';
import { OpenFile, type FileCondition } from './open-file.js';
import { FileError } from './file-error.js';
import type { SqliteConnection } from './sqlite-connection.js';

/** How often to look when nothing is written or read, in ms. */
const LOOK_INTERVAL = 400;
/** So old may a look be that something is read or written by, in ms. */
const FRESH = 5;
/** How long to wait for somebody who closes the file, in ms. */
const PATIENCE = 15_000;
/** ...and for other connections of this process to let a removed log go, which look as often. */
const SHORT_PATIENCE = 5 * LOOK_INTERVAL;
/** How often to try to get the locks back while another connection prevents it, in ms. */
const LOCK_INTERVAL = 10_000;
/** Commits per checkpoint while SQLite makes none by itself. */
const COMMITS_PER_CHECKPOINT = 100;

const COPIES = 'Copy it with `npx sitq backup` (docs/sqlite-file.md).';

/**
 * Sees to it that what is written goes to the file and the log that everybody finds by their
 * names, or is not acknowledged. SQLite itself goes on with files that were removed.
 *
 * Where its locks were taken away it opens the connection anew, and so takes them again; where the
 * log was removed, too. A file that was removed or replaced is not: the runs of this process
 * belong to the old one, and with their leases could change what another run in the new one does.
 */
export class FileGuard {
  private readonly file: OpenFile;
  private readonly timer: NodeJS.Timeout;
  private lookedAt = -Infinity;
  private lockedAnewAt = -Infinity;
  /** What was last said to be wrong. */
  private told: string | undefined;
  /** Whether another connection of this process keeps the locks away. */
  private isExposed = false;
  /** Whether it was this guard that has taken the log away. */
  private hasLeft = false;
  private commits = 0;

  constructor(
    private readonly connection: SqliteConnection,
    path: string,
    private readonly logger: SitqLogger | undefined,
    /** The connection is another one: statements must be prepared anew. */
    private readonly onReopened: () => void,
  ) {
    this.file = new OpenFile(path);
    this.file.remember();
    this.timer = setInterval(() => this.look(), LOOK_INTERVAL).unref();
  }

  /**
   * To be called before anything is read or written.
   *
   * @throws FileError when the file must not be used now.
   */
  check(): void {
    if (performance.now() - this.lookedAt < FRESH) return;
    const condition = this.file.look(this.connection.isOpen);
    if (condition === 'split') this.openAnew();
    else if (condition === 'unlocked') this.lockAnew();
    else if (condition !== 'sound') this.refuse(condition);
    this.lookedAt = performance.now();
    if (!this.isExposed) this.tell('log', undefined, `${this.file.path} is in use again.`);
  }

  /**
   * To be called after a commit: whether it is in the log that everybody finds. While the lock is
   * held nobody can be removing it; the last user removes it after having read what is in it, so
   * one who has not begun yet will have read the commit.
   */
  isCommitted(): boolean {
    if (this.file.isLocked) return true;
    this.lookedAt = -Infinity;
    if (this.file.isBeingClosed || !this.file.isLogInPlace) return false; // in this order
    if (this.isExposed) this.checkpoint();
    return true;
  }

  /** Ends the looking; whoever closes the connection next leaves the files as they should be. */
  release(): void {
    clearInterval(this.timer);
    const isSound = this.connection.isOpen && this.file.look(true) === 'sound';
    this.file.forget();
    if (isSound) this.connection.closeSecond();
    else this.connection.abandon();
  }

  private look(): void {
    try {
      this.check();
    } catch (error) {
      const what = error instanceof FileError ? error.message : textOf(error);
      this.tell('error', what, what);
    }
  }

  /** The log is another one by now, or the connection was closed because it was. */
  private openAnew(): void {
    const { connection, file } = this;
    const { path } = file;
    if (connection.isOpen) {
      // Nobody can have written without this log yet, so what it has belongs into the file.
      if (file.isLogMissing) this.flush();
      connection.abandon();
      if (!this.hasLeft) this.tell('error', 'log', removedLog(path));
    }
    if (file.isRemovedLogOpenHere) {
      throw new FileError(
        `The log of the database ${path} was removed, and other connections of this process still ` +
          `have the removed one open. Close them (a DataSource of the application on the same ` +
          `file, a thread), or restart this process; until then nothing is acknowledged.`,
        SHORT_PATIENCE,
      );
    }
    this.reopen();
  }

  private reopen(): void {
    this.connection.reopen();
    if (!this.file.remember()) {
      this.connection.abandon();
      throw new FileError(
        `The log of ${this.file.path} was removed while it was opened.`,
        PATIENCE,
      );
    }
    [this.isExposed, this.hasLeft] = [false, false];
    this.onReopened();
  }

  /** Takes the locks again by opening anew, which works if no other connection is open here. */
  private lockAnew(): void {
    const { connection, file } = this;
    if (file.isBeingClosed) {
      throw new FileError(
        `Another program holds the database ${file.path} for itself. Close it.`,
        PATIENCE,
      );
    }
    if (performance.now() - this.lockedAnewAt < LOCK_INTERVAL) return;
    this.lockedAnewAt = performance.now();
    connection.abandon();
    this.reopen();
    const what =
      `Something in this process has opened and closed the database file ${file.path}, which ` +
      `took away SQLite's locks. ${COPIES}`;
    this.isExposed = !file.isLocked;
    if (!this.isExposed) {
      this.told = undefined;
      this.logger?.warn(`${what} They are taken again.`);
      return;
    }
    connection.db.exec('PRAGMA wal_autocheckpoint = 0');
    this.tell(
      'warn',
      'exposed',
      `${what} Another connection of this process prevents that they are taken again: close it (a ` +
        `DataSource of the application on the same file), or restart this process. Until then ` +
        `each commit is looked after.`,
    );
  }

  /** Somebody may be writing the log into the file only if it has begun after the last commit. */
  private checkpoint(): void {
    this.commits += 1;
    if (this.commits % COMMITS_PER_CHECKPOINT === 0) {
      this.connection.db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    }
  }

  private refuse(condition: Exclude<FileCondition, 'sound' | 'split' | 'unlocked'>): never {
    const { connection, file } = this;
    if (connection.isOpen && condition !== 'emptied') this.leave();
    const rescue = connection.isOpen ? file.rescue : undefined;
    throw new FileError(
      `${WHAT[condition](file.path)} Nothing is read or acknowledged until then.` +
        (rescue
          ? ` What the old file had can be copied from ${rescue} while this process runs.`
          : ''),
      0,
    );
  }

  /**
   * Writes the log into the file that it belongs to, wherever that is now, and takes it away from
   * where the file was: with another file there SQLite would take it for the log of that.
   */
  private leave(): void {
    if (!this.file.isLogInPlace) return;
    const { path } = this.file;
    this.flush();
    if (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size !== 0) return; // the next look
    rmSync(`${path}-wal`, { force: true });
    rmSync(`${path}-shm`, { force: true });
    this.hasLeft = true;
  }

  private flush(): void {
    try {
      this.connection.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.logger?.warn(`The log of ${this.file.path} could not be saved: ${textOf(error)}`);
    }
  }

  /** Says once what is wrong, and once that nothing is any more. */
  private tell(level: 'log' | 'warn' | 'error', what: string | undefined, text: string): void {
    if (this.told === what) return;
    this.told = what;
    this.logger?.[level](text);
  }
}

function removedLog(path: string): string {
  return (
    `The log of the database ${path} was removed: by hand, or by a program that took itself for ` +
    `the last user, because something in this process has opened and closed the file, which takes ` +
    `away SQLite's locks. ${COPIES} The database is opened anew.`
  );
}

const WHAT = {
  removed: (path: string) =>
    `The database file ${path} was removed while it was in use. Put it back, or restart this ` +
    `process to begin with an empty one.`,
  replaced: (path: string) =>
    `The database file ${path} was replaced by another one while it was in use. Restart this ` +
    `process to use that one.`,
  emptied: (path: string) =>
    `The database file ${path} was emptied while it was in use. Stop every process that uses it, ` +
    `put a backup in its place, and start again.`,
};
