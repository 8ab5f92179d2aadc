import { copyFileSync, createReadStream, readFileSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StoreOptions } from '../stores.js';

/** How an application handles a database file that it has open itself. */
export type Handling = 'copy' | 'read' | 'stream' | 'folder';

export const HANDLINGS: readonly Handling[] = ['copy', 'read', 'stream', 'folder'];

/** Does so with the file of a store, and keeps nothing of it. */
export async function handleOwnFile(store: StoreOptions, how: Handling): Promise<void> {
  if (!('database' in store)) throw new Error('Its store is no file.');
  const { database } = store;
  const copy = join(dirname(database), `copy-of-${process.pid}`);
  if (how === 'copy') copyFileSync(database, copy);
  if (how === 'read') readFileSync(database);
  if (how === 'stream') for await (const _ of createReadStream(database));
  if (how === 'folder') {
    await Promise.all(
      ['', '-wal', '-shm'].map((end) => cp(`${database}${end}`, `${copy}${end}`).catch(gone)),
    );
  }
  for (const end of ['', '-wal', '-shm']) rmSync(`${copy}${end}`, { force: true });
}

/** Nobody has to have a log. */
function gone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
