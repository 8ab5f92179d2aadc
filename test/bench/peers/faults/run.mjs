import { setTimeout as sleep } from 'node:timers/promises';
import { installPeers } from '../install.mjs';

/**
 * `npm run torture:peers`: kills and stops workers of sitq and of other queues in the same way, and
 * counts what was lost and what was run twice. Each has the shortest lease that it can have.
 */
installPeers();
const { openStores } = await import('../stores/open-stores.mjs');
const { Scene } = await import('./scene.mjs');

const ROWS = [
  { title: 'sitq, SQLite', queue: 'sitq', store: 'sqlite' },
  { title: 'sitq, PostgreSQL', queue: 'sitq', store: 'postgres' },
  { title: 'BullMQ, Redis', queue: 'bullmq', store: 'redis' },
  { title: 'pg-boss', queue: 'pg-boss', store: 'postgres', newerNode: true },
  { title: 'graphile-worker', queue: 'graphile-worker', store: 'postgres', newerNode: true },
];
const WORKERS = 4;
const KILLS = 25;
const PAUSES = 5;
const PAUSE = 5000;

const { stores, close } = await openStores(new Set(ROWS.map(({ store }) => store)));
const table = [];
try {
  for (const row of ROWS) {
    if (!stores[row.store]) {
      console.error(`\n!! ${row.title} is LEFT OUT: there is no ${row.store}.\n`);
      continue;
    }
    table.push({ queue: row.title, ...(await play(row, kill, KILLS)) });
    table.push({ queue: row.title, ...(await play(row, pause, PAUSES)) });
  }
} finally {
  await close();
}
console.table(table);

/** Kills a worker and starts another one. */
async function kill(scene) {
  await sleep(200 + 500 * Math.random());
  const worker = scene.pick();
  scene.end(worker);
  await scene.startWorker();
}

/** Stops a worker for two leases and a half, and lets it go on. */
async function pause(scene) {
  const { child } = scene.pick();
  child.kill('SIGSTOP');
  await sleep(PAUSE);
  child.kill('SIGCONT');
  await sleep(1000);
}

async function play(row, fault, times) {
  const { store, drop } = await stores[row.store].fresh(`faults-${row.queue}`, {}, async () => {});
  const scene = new Scene(row, store);
  try {
    await Promise.all(Array.from({ length: WORKERS }, () => scene.startWorker()));
    await scene.startProducer();
    for (let n = 0; n < times; n += 1) await fault(scene);
    await scene.stopProducer();
    await scene.drained();
    const what = fault === kill ? `kill -9, ${times} times` : `SIGSTOP, ${times} times`;
    return { fault: what, ...scene.figures() };
  } finally {
    await scene.close();
    await drop();
  }
}
