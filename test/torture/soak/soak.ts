import 'reflect-metadata';
import { Module, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SitqModule, TaskQueue, type Plugin } from '../../../lib/index.js';
import type { StoreKind } from '../../app/databases/kinds.js';
import { eventually } from '../../app/eventually.js';
import { createStore } from '../../app/stores.js';
import { SoakTasks } from './soak-tasks.js';

/** What a soak has shown. */
export interface SoakReport {
  readonly db: StoreKind;
  readonly node: string;
  readonly tasks: number;
  readonly perSecond: number;
  /** Tasks that did not end as their handler did. */
  readonly wrong: number;
  /** Rejections that nobody handled. */
  readonly unhandled: number;
  /** Bytes of heap in use after a collection, at each twentieth of the way. */
  readonly heap: readonly number[];
  /** By which that grew per 100,000 tasks over the second half, in KB. */
  readonly slope: number;
}

const CHUNK = 10_000;
const LOOKS = 20;
const PATIENCE = 3_600_000;

/** Lets one application enqueue and run so many tasks, while its plugin fails at every one. */
export async function soak(db: StoreKind, tasks: number): Promise<SoakReport> {
  const store = await createStore(db);
  let unhandled = 0;
  process.on('unhandledRejection', () => (unhandled += 1));
  let settled = 0;
  const broken: Plugin = {
    name: 'broken',
    afterSettle: (_task, outcome) => {
      settled += outcome.kind === 'completed' || outcome.kind === 'failed' ? 1 : 0;
      throw new Error('it never gets used to it');
    },
  };
  @Module({
    imports: [
      SitqModule.forRoot({ ...store.options, plugins: [broken], worker: { concurrency: 100 } }),
    ],
    providers: [SoakTasks],
  })
  class SoakModule {}
  const app = await NestFactory.createApplicationContext(SoakModule, { logger: SILENT });
  const queue = app.get(TaskQueue);
  const heap: number[] = [];
  const began = performance.now();
  for (let sent = 0; sent < tasks; sent += CHUNK) {
    const size = Math.min(CHUNK, tasks - sent);
    const numbers = Array.from({ length: size }, (_, i) => [sent + i] as [number]);
    await queue.enqueueMany('SoakTasks.step', numbers);
    await eventually(async () => sent - settled < 2 * CHUNK, PATIENCE);
    if (sent >= (heap.length * tasks) / LOOKS) heap.push(usedHeap());
  }
  await eventually(async () => settled >= tasks, PATIENCE);
  const seconds = (performance.now() - began) / 1000;
  heap.push(usedHeap());
  const counts = await queue.counts();
  await app.close();
  await store.drop();
  const failures = SoakTasks.failuresOf(tasks);
  const wrong = Math.abs(counts.failed - failures) + Math.abs(counts.completed - tasks + failures);
  const perSecond = Math.round(tasks / seconds);
  const slope = slopeOf(heap.slice(heap.length / 2)) / 1024 / (tasks / LOOKS / 100_000);
  return { db, node: process.version, tasks, perSecond, wrong, unhandled, heap, slope };
}

function usedHeap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

/** Of the straight line that is nearest to these values, by least squares; per step. */
function slopeOf(values: readonly number[]): number {
  const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const middle = (values.length - 1) / 2;
  const average = mean(values);
  const above = mean(values.map((value, i) => (i - middle) * (value - average)));
  return above / mean(values.map((_, i) => (i - middle) ** 2));
}

const SILENT: LoggerService = { log: () => {}, warn: () => {}, error: () => {} };
