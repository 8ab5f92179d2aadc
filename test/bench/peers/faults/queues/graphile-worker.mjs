import { Logger, makeWorkerUtils, run } from 'graphile-worker';

const logger = new Logger(() => () => undefined);

/** Its locks last four hours, which no option changes. */
export async function open(store) {
  const utils = await makeWorkerUtils({ connectionString: store.url, logger });
  await utils.migrate();
  return {
    enqueue: (id) => utils.addJob('note', { id }),
    work: (handler, concurrency) =>
      run({
        connectionString: store.url,
        preset: { worker: { concurrentJobs: concurrency, logger } },
        taskList: { note: ({ id }) => handler(id) },
        noHandleSignals: true,
      }),
  };
}
