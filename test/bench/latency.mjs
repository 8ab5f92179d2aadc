import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TaskQueue } from 'nestjs-sitq';
import { NAME } from './payload.mjs';
import { createWorker, openBackend } from './sitq.mjs';
import { percentile } from './workspace.mjs';

const SAMPLES = 500;
const CHILD = fileURLToPath(new URL('./latency.worker.mjs', import.meta.url));

/** Time from the call of enqueue to the first line of the handler, on an idle queue. */
export async function latency(database, durability) {
  const { withStore, Raw, pickUp } = database;
  floor(durability, await withStore({ durability }, (store) => rawCommit(Raw, store)));
  const same = await withStore({ durability }, inProcess);
  print('same process', durability, ...pickUp.same, same);
  const other = await withStore({ durability }, acrossProcesses);
  print('other process', durability, ...pickUp.other, other);
}

async function inProcess(store) {
  const backend = await openBackend(store);
  let started;
  const worker = createWorker(backend, 10, () => started(now()));
  await worker.start();
  const times = await sample(new TaskQueue({ backend }), (resolve) => (started = resolve));
  await worker.stop();
  await backend.close();
  return times;
}

async function acrossProcesses(store) {
  const child = fork(CHILD, [JSON.stringify(store)]);
  const started = [];
  child.on('message', (at) => started.shift()?.(at));
  await new Promise((resolve) => started.push(resolve)); // the worker is ready
  const backend = await openBackend(store);
  const times = await sample(new TaskQueue({ backend }), (resolve) => started.push(resolve));
  child.disconnect();
  await new Promise((resolve) => child.once('exit', resolve));
  await backend.close();
  return times;
}

/** What a single commit of one row takes on a database that was idle: the disk's share. */
async function rawCommit(Raw, store) {
  const raw = await Raw.open(store);
  const times = [];
  for (let i = 0; i < SAMPLES; i += 1) {
    times.push(1000 / (await raw.enqueue(1, 1)));
    await pause();
  }
  await raw.close();
  return times;
}

async function sample(queue, onStarted) {
  const times = [];
  for (let i = 0; i < SAMPLES; i += 1) {
    const began = new Promise(onStarted);
    const called = now();
    await queue.enqueue(NAME, []);
    times.push((await began) - called);
    await pause();
  }
  return times;
}

/** Long enough for the queue to be idle again. */
function pause() {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** The same clock in every process of the machine, in ms. */
function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function floor(durability, times) {
  console.log(
    `${durability.padEnd(8)}${'raw commit of one row, idle'.padEnd(36)} p50 ` +
      `${percentile(times, 0.5).toFixed(2)} ms  p99 ${percentile(times, 0.99).toFixed(2)} ms`,
  );
}

function print(what, durability, bar50, bar99, times) {
  const p50 = percentile(times, 0.5);
  const p99 = percentile(times, 0.99);
  const missed = p50 > bar50 || p99 > bar99 ? ', missed' : '';
  console.log(
    `${durability.padEnd(8)}${`pick-up, ${what}`.padEnd(36)} p50 ${p50.toFixed(2)} ms  p99 ` +
      `${p99.toFixed(2)} ms  (bar ${bar50} / ${bar99} ms${missed})`,
  );
}
