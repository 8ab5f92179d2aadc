import Database from 'better-sqlite3-13';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import { Sidequest } from 'sidequest';
import { ARGS } from '../../payload.mjs';
import { multiplyRows } from '../stores/multiply.sqlite.mjs';
import { MailJob, hook } from './sidequest.job.mjs';

/**
 * In this process and inline, which its documentation names as the mode without threads to pay for;
 * everything else, the poll of 100 ms too, as it comes. It has no bulk enqueue.
 */
export const sidequest = {
  async open(store) {
    await Sidequest.configure(configuration(store, 10));
    return {
      enqueue: () => Sidequest.build(MailJob).enqueue(ARGS),
      async fill(count) {
        await Sidequest.queue.create({ name: 'default' }); // or two workers do, and one of them dies
        await Sidequest.build(MailJob).enqueue(ARGS);
        multiplyRows({ file: store.file, table: 'sidequest_jobs', count, Driver: Database });
      },
      worker: (options) => engineOn(store, options),
      unfinished: async () => unfinished(store),
      close: () => Sidequest.stop(),
    };
  },
};

/** Its driver in the version that has binaries for every Node, since this peer needs a newer one. */
class Client extends BetterSqlite3Client {
  _driver() {
    return Database;
  }
}

function configuration(store, concurrency) {
  return {
    backend: {
      driver: '@sidequest/sqlite-backend',
      config: { client: Client, connection: { filename: store.file } },
    },
    queues: [{ name: 'default', concurrency }],
    maxConcurrentJobs: concurrency,
    fork: false,
    runner: 'inline',
    dashboard: { enabled: false },
    logger: { level: 'error' },
    gracefulShutdown: false,
  };
}

/** Configured anew, since the number of slots is part of that. */
async function engineOn(store, { concurrency, handler, onDone }) {
  const options = configuration(store, concurrency);
  hook.run = async () => {
    const result = await handler();
    onDone(1);
    return result;
  };
  await Sidequest.stop();
  await Sidequest.configure(options);
  return { start: () => Sidequest.start(options), stop: () => Sidequest.stop() };
}

function unfinished(store) {
  const db = new Database(store.file, { readonly: true });
  const count = db
    .prepare(`SELECT count(*) FROM sidequest_jobs WHERE state <> 'completed'`)
    .pluck()
    .get();
  db.close();
  return count;
}
