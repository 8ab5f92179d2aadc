import { PgBoss } from 'pg-boss';

const QUEUE = 'mail';

/** The shortest heartbeat that it takes, ten seconds, looked after every second. */
export async function open(store) {
  const boss = new PgBoss({
    connectionString: store.url,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
  });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue(QUEUE, { heartbeatSeconds: 10, retryLimit: 10, retryDelay: 0 });
  return {
    enqueue: (id) => boss.send(QUEUE, { id }),
    work: (handler, concurrency) =>
      boss.work(
        QUEUE,
        { batchSize: 1, localConcurrency: concurrency, pollingIntervalSeconds: 0.5 },
        async ([job]) => handler(job.data.id),
      ),
  };
}
