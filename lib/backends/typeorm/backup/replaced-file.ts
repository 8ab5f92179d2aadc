import type { Database } from 'better-sqlite3';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isProcessGone } from '../../../core/process-identity.js';
import { BackendError } from '../../../errors/backend.error.js';
import type { TableNames } from '../table-names.js';
import { companionsOf } from './companions.js';
import { lockFile } from './file-lock.js';
import { openersOf } from './openers.js';
import { syncFolder } from './sync-folder.js';
import { withDraft } from './with-draft.js';

/** A database file that another one is to take the place of. */
export class ReplacedFile {
  /** @param path without links: what SQLite puts beside a database is where the file itself is. */
  constructor(
    private readonly path: string,
    private readonly names: TableNames,
  ) {}

  /**
   * Puts a database in its place, when nobody uses this one.
   *
   * @returns where the old one is; null when there was none.
   * @throws BackendError when somebody uses it; nothing has changed then.
   */
  async replaceBy(draft: string): Promise<string | null> {
    this.refuseOpeners();
    const kept = `${this.path}.before-${new Date().toISOString().replaceAll(/\W/g, '')}`;
    if (!existsSync(this.path)) {
      this.moveCompanions(kept);
      await this.putInPlace(draft);
      return null;
    }
    takeAfter(this.path, draft);
    const old = openSync(this.path, 'r+'); // closed last: that ends all locks of this process on it
    const lock = this.lock();
    try {
      if (lock) await this.keep(lock, kept);
      else this.keepBroken(kept);
      await this.putInPlace(draft);
      voidHeader(old);
      return kept;
    } finally {
      lock?.close();
      closeSync(old);
    }
  }

  private refuseOpeners(): void {
    const openers = openersOf([this.path, ...companionsOf(this.path)]);
    if (openers.length === 0) return;
    const shown = openers.map(({ pid, name }) => `${pid} (${name})`).join(', ');
    throw this.inUse(`it is open in process ${shown}. Stop that first.`);
  }

  /** Null when it is none of SQLite's, or damaged where SQLite needs it to be whole. */
  private lock(): Database | null {
    try {
      const lock = lockFile(this.path);
      if (lock) return lock;
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code?.startsWith('SQLITE_NOTADB') || code?.startsWith('SQLITE_CORRUPT')) return null;
      throw new BackendError(`${this.path} cannot be locked: ${message}.`, { cause: error });
    }
    throw this.inUse('another process has it open. Stop every process that uses it first.');
  }

  /** Page by page: reading the file itself would end the lock. */
  private async keep(lock: Database, kept: string): Promise<void> {
    this.refuseWorkers(lock);
    await withDraft(kept, async (draft) => {
      await lock.backup(draft);
      renameSync(draft, kept);
    });
  }

  /** On a file that machines share, locks may not work across them. */
  private refuseWorkers(lock: Database): void {
    for (const { id, host, pid, identity, expiresAt } of this.livingWorkers(lock)) {
      if (isProcessGone({ id, host, pid, identity })) continue;
      throw this.inUse(
        `worker ${id} (${host}, pid ${pid}) may be alive until ${new Date(expiresAt).toISOString()}. ` +
          `Stop it, or try again then.`,
      );
    }
  }

  private livingWorkers(lock: Database): WorkerRow[] {
    try {
      const text = `SELECT id, host, pid, process_identity AS identity, expires_at AS expiresAt
        FROM {worker} WHERE expires_at > ?`;
      return lock.prepare<[number], WorkerRow>(this.names.in(text)).all(Date.now());
    } catch {
      return []; // there is no such table, or it cannot be read
    }
  }

  private keepBroken(kept: string): void {
    copyFileSync(this.path, kept, constants.COPYFILE_EXCL);
    this.moveCompanions(kept);
  }

  /** A log beside the old file may have what was committed last, for whoever can read it. */
  private moveCompanions(kept: string): void {
    for (const [at, companion] of companionsOf(this.path).entries()) {
      if (existsSync(companion)) renameSync(companion, companionsOf(kept)[at]!);
    }
  }

  private async putInPlace(draft: string): Promise<void> {
    for (const stale of companionsOf(this.path)) rmSync(stale, { force: true });
    renameSync(draft, this.path);
    await syncFolder(dirname(this.path));
  }

  private inUse(why: string): BackendError {
    return new BackendError(`${this.path} is in use: ${why}`, { transient: true });
  }
}

interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly identity: string | null;
  readonly expiresAt: number;
}

/** Who could open the old file can open the new one. */
function takeAfter(old: string, draft: string): void {
  const { mode, uid, gid } = statSync(old);
  const own = statSync(draft);
  if (own.uid !== uid || own.gid !== gid) chownSync(draft, uid, gid);
  chmodSync(draft, mode & 0o777);
}

/**
 * A process that opened the old file at the last moment still waits for its lock. It would go on
 * in a file without a name, and write its log beside the new one; now it finds no database.
 */
function voidHeader(old: number): void {
  if (fstatSync(old).nlink === 0) writeSync(old, Buffer.alloc(100), 0, 100, 0);
}
