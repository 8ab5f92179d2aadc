import { addAbortListener } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';
import { BackendError } from '../../../errors/backend.error.js';
import { threadConnection } from '../dialect/thread-connection.js';
import type { BackupOptions, BackupProgress } from './backup-options.js';

/** How long others may be in the way who read the log again after a crash, in ms. */
const PATIENCE = 15_000;

/**
 * What the thread does; as text, so that it needs no file that a bundler could miss, and no
 * compiler puts anything into it.
 *
 * A copy would begin anew whenever another process writes between two steps, and never end. Within
 * an open transaction it is one of that moment, whoever writes meanwhile. Read-only, since whoever
 * closes a database last removes its log, and thread and process may be wrong about who that is.
 */
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const { driver, connection: { source, target, timeout } } = workerData;
const Database = require(driver);

async function copy() {
  const from = new Database(source, { readonly: true, timeout });
  from.exec('BEGIN');
  from.prepare('SELECT 1 FROM sqlite_master').get();
  await from.backup(target, {
    progress: ({ totalPages, remainingPages }) => {
      parentPort.postMessage({ pages: totalPages, remaining: remainingPages });
      return 256;
    },
  });
  from.close();
  const copy = new Database(target);
  copy.pragma('journal_mode = DELETE'); // one file, which can be read where nothing can be written
  copy.close();
}

copy().then(
  () => parentPort.postMessage('done'),
  ({ message, code = '' }) => parentPort.postMessage({ message, code }),
);
`;

type News = BackupProgress | 'done' | { readonly message: string; readonly code: string };

/**
 * Copies an SQLite database as it is at one moment into a file that is empty, in a thread of its
 * own: neither the reading nor the syncing holds up the event loop.
 *
 * @throws BackendError when SQLite cannot; the reason of the signal.
 */
export async function copyDatabase(
  source: string,
  target: string,
  { onProgress, signal }: Pick<BackupOptions, 'onProgress' | 'signal'> = {},
): Promise<void> {
  signal?.throwIfAborted();
  const workerData = threadConnection('better-sqlite3', { source, target, timeout: PATIENCE });
  const { NODE_OPTIONS: _preloads, ...env } = process.env; // nothing that the process preloads
  const thread = new Thread(SCRIPT, { eval: true, execArgv: [], env, workerData });
  let listening: Disposable | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      thread.on('message', (news: News) => {
        if (news === 'done') return resolve();
        if ('message' in news) return reject(refusal(source, news));
        try {
          onProgress?.(news);
        } catch (error) {
          reject(error);
        }
      });
      thread.once('error', reject);
      thread.once('exit', () => reject(new BackendError('The thread of the copy has ended.')));
      if (signal) listening = addAbortListener(signal, () => reject(signal.reason));
    });
  } finally {
    listening?.[Symbol.dispose]();
    await thread.terminate();
  }
}

function refusal(source: string, { message, code }: { message: string; code: string }) {
  return new BackendError(`${source} cannot be copied: ${message}${code && ` (${code})`}.`, {
    cause: Object.assign(new Error(message), { code }),
  });
}
