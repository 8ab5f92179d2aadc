import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { LockView } from './lock-view.js';

/**
 * `sound`: all is as it was opened. `unlocked`: something in this process has closed the file, which
 * takes away SQLite's locks, so that another program may take itself for the last user. `split`:
 * the log or its index at the path is not the open one. The rest is about the file itself.
 */
export type FileCondition = 'sound' | 'unlocked' | 'split' | 'removed' | 'replaced' | 'emptied';

interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/** What SQLite locks as long as a connection is open: a range of the file, a byte of the index. */
const SHARED = [1073741826, 1073742335] as const;
const ALIVE = 128;
/** Where the kernel shows the locks of a process. */
const SHOWS_LOCKS = existsSync('/proc/self/fdinfo') && existsSync('/proc/locks');

/**
 * A database file and its log, as this process has them open, compared with what is there by their
 * names. It opens and closes none of them, since that would take away the locks.
 */
export class OpenFile {
  private file: Identity | undefined;
  private log: Identity | undefined;
  private index: Identity | undefined;
  private descriptor: number | undefined;
  private fileLock: LockView | null = null;
  private indexLock: LockView | null = null;

  constructor(readonly path: string) {}

  /**
   * A connection was opened: what is there now is what is open.
   *
   * @returns whether it is; otherwise another connection of this process has kept a removed log.
   */
  remember(): boolean {
    this.forget();
    this.file = identityOf(this.path);
    this.log = identityOf(`${this.path}-wal`);
    this.index = identityOf(`${this.path}-shm`);
    if (!SHOWS_LOCKS) return true;
    const files = descriptorsOf(this.file);
    this.descriptor = files[0];
    this.fileLock = LockView.of(files, SHARED[1]);
    const indexes = descriptorsOf(this.index);
    this.indexLock = LockView.of(indexes, ALIVE);
    return !this.index || indexes.length > 0;
  }

  /** Ends the looking. */
  forget(): void {
    this.fileLock?.close();
    this.indexLock?.close();
    [this.fileLock, this.indexLock] = [null, null];
  }

  /** @param isOpen whether the connection is; without one only the file itself is looked at. */
  look(isOpen: boolean): FileCondition {
    const file = statOf(this.path);
    if (!file) return 'removed';
    if (!isSame(file, this.file)) {
      if (!isOpen || !this.isTheOpenOne(file)) return 'replaced';
      this.file = { dev: file.dev, ino: file.ino }; // a file system that numbers its files anew
    }
    if (file.size === 0) return 'emptied';
    if (!isOpen) return 'split';
    if (!this.isLogInPlace) return 'split';
    return this.isLocked && (this.indexLock?.isHeld ?? true) ? 'sound' : 'unlocked';
  }

  /**
   * Whether nobody can have removed the log since it was opened. Where no lock is shown the log
   * itself is looked at.
   */
  get isLocked(): boolean {
    if (this.fileLock) return this.fileLock.isHeld;
    return SHOWS_LOCKS ? false : this.isLogInPlace;
  }

  /** Whether the log and its index are those that others find. */
  get isLogInPlace(): boolean {
    return (
      isSame(identityOf(`${this.path}-wal`), this.log) &&
      isSame(identityOf(`${this.path}-shm`), this.index)
    );
  }

  /** Whether there is no log for others to find, and nobody can have used the file without one. */
  get isLogMissing(): boolean {
    return this.isLocked && identityOf(`${this.path}-wal`) === undefined;
  }

  /** Whether another program takes itself for the last user at this moment. */
  get isBeingClosed(): boolean {
    const lock = `:${this.file?.ino} ${SHARED.join(' ')}`;
    return locksOfAll().some((line) => line.includes(' WRITE ') && line.endsWith(lock));
  }

  /**
   * Whether a connection of this process has the log open that was remembered and is not there any
   * more. One that is there may have got its number: whoever has opened anew already has made it.
   */
  get isRemovedLogOpenHere(): boolean {
    const present = ['-wal', '-shm'].map((end) => identityOf(`${this.path}${end}`));
    const isThere = (each: Identity | undefined) => present.some((file) => isSame(file, each));
    return (
      SHOWS_LOCKS &&
      [this.log, this.index].some((each) => !isThere(each) && descriptorsOf(each).length > 0)
    );
  }

  /** Where the content of the open file can be read, whatever became of its name. */
  get rescue(): string | undefined {
    return this.descriptor === undefined ? undefined : `/proc/${process.pid}/fd/${this.descriptor}`;
  }

  private isTheOpenOne(file: Identity): boolean {
    if (this.descriptor === undefined) return false;
    return isSame(file, identityOf(`/proc/self/fd/${this.descriptor}`));
  }
}

/** Numbers of the open files of this process that are this file. */
function descriptorsOf(file: Identity | undefined): number[] {
  if (!file) return [];
  return readdirSync('/proc/self/fd')
    .filter((name) => isSame(identityOf(`/proc/self/fd/${name}`), file))
    .map(Number);
}

function locksOfAll(): string[] {
  try {
    return SHOWS_LOCKS ? readFileSync('/proc/locks', 'latin1').split('\n') : [];
  } catch {
    return [];
  }
}

function identityOf(path: string): Identity | undefined {
  return statOf(path);
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // what was a folder is none any more, or nobody may look
  }
}

function isSame(one: Identity | undefined, other: Identity | undefined): boolean {
  return one?.ino === other?.ino && one?.dev === other?.dev;
}
