import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { TaskQueue } from 'nestjs-sitq';
import { ARGS, NAME } from './payload.mjs';
import { createWorker, openBackend } from './sitq.mjs';
import { percentile } from './workspace.mjs';

const PER_SECOND = 1000;

/**
 * Claims while another session holds an old snapshot, so that no dead row can go: how long a claim
 * takes that finds something, and a task from its enqueue to its handler, minute by minute.
 */
export async function oldSnapshot({ withStore }, minutes) {
  await withStore({}, async (store) => {
    const other = new Client(store.url);
    await other.connect();
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await other.query('SELECT count(*) FROM sitq_task');
    await load(store, minutes);
    await other.end();
  });
}

async function load(store, minutes) {
  const backend = await openBackend(store);
  const claims = [];
  const reserve = backend.reserveTask.bind(backend);
  backend.reserveTask = async (...request) => {
    const began = performance.now();
    const tasks = await reserve(...request);
    if (tasks.length > 0) claims.push(performance.now() - began);
    return tasks;
  };
  const pickUps = [];
  const worker = createWorker(backend, 100, async (args) => {
    pickUps.push(performance.now() - args[0].at);
    return { ok: true };
  });
  await worker.start();
  const queue = new TaskQueue({ backend });
  const endsAt = performance.now() + minutes * 60_000;
  for (let minute = 1; performance.now() < endsAt; minute += 1) {
    await produce(queue, Math.min(60_000, endsAt - performance.now()));
    const show = (times) =>
      `p50 ${percentile(times, 0.5).toFixed(1)} ms  p99 ${percentile(times, 0.99).toFixed(1)} ms`;
    console.log(
      `full    old snapshot, minute ${String(minute).padEnd(14)} claim ${show(claims)}  pick-up ` +
        `${show(pickUps)}  (${pickUps.length} tasks)`,
    );
    claims.length = 0;
    pickUps.length = 0;
  }
  await worker.stop();
  await backend.close();
}

/** A steady load, some tasks every few ms. */
async function produce(queue, ms) {
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < ms) {
    const due = Math.floor(((performance.now() - began) / 1000) * PER_SECOND);
    const calls = [];
    for (; sent < due; sent += 1) {
      calls.push(queue.enqueue(NAME, [{ ...ARGS[0], at: performance.now() }]));
    }
    await Promise.all(calls);
    await sleep(5);
  }
}
