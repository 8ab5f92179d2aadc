import type { ServerDatabase } from './server-database.js';

/**
 * Whether what failed so may have been done all the same: a reply was lost, or a server whose disk
 * fails denies what it has committed. After a conflict or a mistake nothing was done for certain.
 */
export function mayBeDone(database: ServerDatabase, error: unknown): boolean {
  return !database.isConflict(error) && !database.isMistake(error);
}
