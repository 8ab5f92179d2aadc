import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { SitqModule, TaskQueue } from '../../../lib/index.js';
import { LinesFile } from './lines.js';
import { handleOwnFile, type Handling } from './own-file.js';
import { answer, append, tell } from './parent.js';
import type { JournalEntry, ProducerConfig } from './protocol.js';
import { seededRandom } from './random.js';

/** Longest run of the tasks it enqueues, in ms. */
const LONGEST = 60;

const { name, store, journal, seed } = JSON.parse(process.argv[2]!) as ProducerConfig;
const random = seededRandom(seed);
const app = await NestFactory.createApplicationContext(
  SitqModule.forRoot({ ...store, worker: false }),
  { logger: ['error', 'warn'] },
);
const queue = app.get(TaskQueue);

/** A task and who is to handle it. */
interface Call {
  readonly task: string;
  readonly handler: string;
  readonly args: readonly unknown[];
  readonly queue?: string;
  readonly priority?: number;
  readonly attempts?: number;
  /** In ms. */
  readonly delay?: number;
}

let next = 0;
/** How many more acknowledgements it lives to write down. */
let acknowledgements = Infinity;
const stopped = new AbortController();
let production = Promise.resolve();

/** Enqueues task number `n`; the same call every time it is repeated. */
function enqueue(n: number, ms = n % LONGEST): Promise<void> {
  return call({ task: `${name}-${n}`, handler: 'work', args: [ms] });
}

async function call({ task, handler, args, ...options }: Call): Promise<void> {
  const note = (step: JournalEntry['step'], error?: string) =>
    append(journal, { step, task, at: Date.now(), error } satisfies JournalEntry);
  note('invoke');
  try {
    await queue.enqueue(`ProcessTasks.${handler}`, args, { id: task, ...options });
    if ((acknowledgements -= 1) < 0) process.kill(process.pid, 'SIGKILL');
    note('ok');
  } catch (error) {
    note('fail', (error as Error).name);
  }
}

/** Enqueues so many at once; some of the calls are made twice. */
async function enqueueBatch(size: number): Promise<void> {
  const batch = Array.from({ length: size }, () => next++);
  const again = batch.filter(() => random() < 0.05);
  await Promise.all([...batch, ...again].map((n) => enqueue(n)));
}

async function produce(): Promise<void> {
  while (!stopped.signal.aborted) {
    await enqueueBatch(1 + Math.floor(random() * 8));
    await sleep(20 + random() * 40);
  }
}

/** The tasks of this producer in the journal, and whether it was told what became of each. */
function toldBefore(): Map<string, boolean> {
  const told = new Map<string, boolean>();
  for (const { step, task } of new LinesFile<JournalEntry>(journal).read()) {
    if (task.startsWith(`${name}-`)) told.set(task, told.get(task) || step !== 'invoke');
  }
  return told;
}

answer({
  call,
  /** Repeats the calls of which an earlier start of it saw no end, then enqueues without end. */
  produce: async () => {
    const told = toldBefore();
    const untold = [...told.keys()].filter((task) => !told.get(task));
    const stored = await Promise.all(untold.map((task) => queue.getTask(task)));
    await Promise.all(untold.map((task) => enqueue(Number(task.slice(name.length + 1)))));
    next = told.size;
    production = produce();
    return { repeated: untold.length, stored: stored.filter(Boolean).length };
  },
  /**
   * Enqueues many at once and says so at the moment when none of them is stored yet. With `told`
   * it kills itself when all are stored and so many of the calls have returned.
   */
  burst: ({ size, told }: { size: number; told?: number }) => {
    acknowledgements = told ?? Infinity;
    const stored = enqueueBatch(size);
    tell({ event: 'burst' });
    return stored;
  },
  /** Enqueues these numbers at once. */
  enqueue: ({ numbers, ms }: { numbers: number[]; ms: number }) =>
    Promise.all(numbers.map((n) => enqueue(n, ms))),
  handleOwnFile: (how: Handling) => handleOwnFile(store, how),
  stop: () => {
    stopped.abort();
    return production;
  },
});
setInterval(() => undefined, 60_000); // to be ended by its parent
tell({ event: 'ready' });
