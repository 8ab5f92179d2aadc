import { Client } from 'pg';
import { PgBoss } from 'pg-boss';
import { ARGS } from '../../payload.mjs';
import { inThousands } from '../in-thousands.mjs';
import { HandledIds } from '../stores/handled-ids.mjs';

const QUEUE = 'mail';
const UNFINISHED = `SELECT count(*)::int AS count FROM pgboss.job
  WHERE name = '${QUEUE}' AND state <> 'completed'`;

/**
 * Arrays of up to 2,000, completed as one and therefore without results, and `burstWhenBatchFull`,
 * without which it pauses between batches: what its documentation has for throughput. With
 * `notify` also what it has for latency; without it the default poll of two seconds.
 */
export const pgBoss = {
  async open(store, { notify }) {
    const client = new Client(store.url);
    await client.connect();
    const boss = new PgBoss({ connectionString: store.url, useListenNotify: notify });
    boss.on('error', console.error);
    await boss.start();
    await boss.createQueue(QUEUE);
    await boss.updateQueue(QUEUE, { notify });
    const handled = new HandledIds(client, `${UNFINISHED} AND id = ANY($1::uuid[])`);
    return {
      enqueue: () => boss.send(QUEUE, ARGS[0]),
      bulk: (count) => inThousands({ data: ARGS[0] }, count, (jobs) => boss.insert(QUEUE, jobs)),
      worker: (options) => workersOn(boss, handled, options),
      settled: () => handled.settled(),
      unfinished: async () => (await client.query(UNFINISHED)).rows[0].count,
      async close() {
        await boss.stop({ graceful: false });
        await client.end();
      },
    };
  },
};

function workersOn(boss, handled, { concurrency, fetchers = 1, handler, onDone }) {
  const options = {
    batchSize: Math.ceil(concurrency / fetchers),
    localConcurrency: fetchers,
    burstWhenBatchFull: true,
  };
  return {
    start: () =>
      boss.work(QUEUE, options, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => handler(data)));
        handled.add(jobs.map(({ id }) => id));
        onDone(jobs.length);
      }),
    stop: () => boss.offWork(QUEUE, { wait: true }),
  };
}
