import { Client, Pool } from 'pg';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { ARGS, NAME } from '../../payload.mjs';
import { inThousands } from '../in-thousands.mjs';
import { HandledIds } from '../stores/handled-ids.mjs';

const UNFINISHED = 'SELECT count(*)::int AS count FROM graphile_worker._private_jobs';
const logger = new Logger(() => () => undefined);

/** As its performance page has it: a local queue of 500, completions batched without a delay. */
const BATCHING = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

/**
 * With `NO_LOG_SUCCESS`, as in its own benchmark: a line per task would be measured otherwise. It
 * deletes what is completed, and keeps no results.
 */
export const graphileWorker = {
  async open(store, { batching }) {
    const client = new Client(store.url);
    await client.connect();
    const utils = await makeWorkerUtils({ connectionString: store.url, logger });
    await utils.migrate();
    const handled = new HandledIds(client, `${UNFINISHED} WHERE id = ANY($1::bigint[])`);
    const job = { identifier: NAME, payload: ARGS[0] };
    return {
      enqueue: () => utils.addJob(NAME, ARGS[0]),
      bulk: (count) => inThousands(job, count, (jobs) => utils.addJobs(jobs)),
      worker: (options) => runnerOn(store, handled, { ...options, batching }),
      settled: () => handled.settled(),
      unfinished: async () => (await client.query(UNFINISHED)).rows[0].count,
      async close() {
        await utils.release();
        await client.end();
      },
    };
  },
};

async function runnerOn(store, handled, { batching, concurrency, handler, onDone }) {
  const max = Math.min(concurrency, 24) + 1; // as its performance page has it, for 24
  const pgPool = new Pool({ connectionString: store.url, max });
  pgPool.on('error', console.error);
  await pgPool.query('SELECT 1'); // connecting is not measured
  const task = async (payload, { job }) => {
    await handler(payload);
    handled.add([job.id]);
    onDone(1);
  };
  const worker = { concurrentJobs: concurrency, logger, ...(batching ? BATCHING : undefined) };
  const options = { pgPool, preset: { worker }, taskList: { [NAME]: task }, noHandleSignals: true };
  let runner;
  return {
    async start() {
      runner = await run(options);
    },
    stop: () => runner.stop(),
  };
}
