import type BetterSqlite3 from 'better-sqlite3';
import { createRequire } from 'node:module';
import { findModule } from '../find-module.js';

/** How long whoever is just about to go may take, in ms. */
const PATIENCE = 1000;

/**
 * Opens a database for this connection alone, its log written back and removed. Null when somebody
 * else has it open.
 *
 * @throws the error of the driver.
 */
export function lockFile(file: string): BetterSqlite3.Database | null {
  const driver = findModule('better-sqlite3');
  const Database = createRequire(driver)(driver) as typeof BetterSqlite3;
  const db = new Database(file, { fileMustExist: true, timeout: PATIENCE });
  try {
    // Every connection with a log holds a lock for as long as it is open: one that can give up the
    // log is alone. In this mode it keeps its lock when a transaction ends.
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = DELETE');
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    return db;
  } catch (error) {
    db.close();
    if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
}
