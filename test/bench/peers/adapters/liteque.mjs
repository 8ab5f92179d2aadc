import Database from 'better-sqlite3-11';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { Runner, SqliteQueue, migrateDB } from 'liteque';
import { ARGS, NAME } from '../../payload.mjs';
import { multiplyRows } from '../stores/multiply.sqlite.mjs';

/**
 * As its README has it: poll of a second, timeout of a minute. It has no bulk enqueue, and deletes
 * what is completed.
 */
export const liteque = {
  async open(store) {
    const db = openDatabase(store.file);
    const queue = new TellingQueue(NAME, db, {
      defaultJobArgs: { numRetries: 2 },
      keepFailedJobs: true,
    });
    return {
      enqueue: () => queue.enqueue(ARGS),
      async fill(count) {
        await queue.enqueue(ARGS);
        const own = { allocationId: 'lower(hex(randomblob(8)))' };
        multiplyRows({ file: store.file, table: 'tasks', count, own });
      },
      worker: (options) => runnerOn(queue, options),
      unfinished: () => unfinished(queue),
      close: async () => {},
    };
  },
};

/**
 * What its `buildDBClient` does, with the last driver that it runs on: from 11.10 on better-sqlite3
 * refuses the asynchronous transactions that it uses.
 */
function openDatabase(file) {
  const sqlite = new Database(file);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = NORMAL');
  sqlite.pragma('cache_size = -65536');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma('temp_store = MEMORY');
  const db = drizzle(sqlite);
  migrateDB(db);
  return db;
}

/** Its `onComplete` comes before the outcome is stored. */
class TellingQueue extends SqliteQueue {
  onDone = () => {};

  async finalize(...outcome) {
    await super.finalize(...outcome);
    this.onDone(1);
  }
}

function runnerOn(queue, { concurrency, handler, onDone }) {
  queue.onDone = onDone;
  const runner = new Runner(
    queue,
    { run: handler },
    { concurrency, pollIntervalMs: 1000, timeoutSecs: 60 },
  );
  return {
    async start() {
      void runner.run();
    },
    async stop() {
      runner.stop();
    },
  };
}

async function unfinished(queue) {
  const { pending, pending_retry: retried, running, failed } = await queue.stats();
  return pending + retried + running + failed;
}
