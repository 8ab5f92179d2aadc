import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, ReserveRequest } from '../core/backend.js';
import type { FinalResult, StoredError, StoredResult } from '../core/result.js';
import type { NewTask, ReservedTask, StoredTask } from '../core/task.js';

/** The worker that claims unless a case names another. */
export const WORKER = 'worker-1';

/** How long a case waits for what has no event, in ms. */
const PATIENCE = 30_000;

/** A backend under test, with the few calls that most cases make on it. */
export class Scene<B extends Backend = Backend> {
  constructor(readonly backend: B) {}

  async enqueue(parts: Partial<NewTask> = {}): Promise<NewTask> {
    const task = newTask(parts);
    await this.backend.enqueueTask(task);
    return task;
  }

  /** Enqueues one task and claims it. */
  async running(parts: Partial<NewTask> = {}, workerId = WORKER): Promise<ReservedTask> {
    const { id } = await this.enqueue(parts);
    const reserved = await this.claim(workerId, { maxTasks: 1000 });
    const ours = reserved.find((task) => task.id === id);
    assert.ok(ours, 'a task that is due was not handed out');
    return ours;
  }

  claim(workerId = WORKER, request?: ReserveRequest): Promise<ReservedTask[]> {
    return this.backend.reserveTask(workerId, request);
  }

  /** Ids in the order in which one claim hands them out. */
  async claimIds(request: ReserveRequest = { maxTasks: 1000 }): Promise<string[]> {
    return (await this.claim(WORKER, request)).map((task) => task.id);
  }

  complete({ id, lease }: ReservedTask, value: string | null = null): Promise<void> {
    return this.backend.storeResult(id, { lease, status: 'success', value });
  }

  async task(id: string): Promise<StoredTask> {
    const task = await this.backend.getTask(id);
    assert.ok(task, `getTask knows nothing of ${id}`);
    return task;
  }

  async result(id: string): Promise<StoredResult> {
    const result = await this.backend.getResult(id);
    assert.ok(result, `getResult knows nothing of ${id}`);
    return result;
  }

  /** All that the store says about a task, to compare before and after. */
  async everythingAbout(id: string): Promise<unknown> {
    return { task: await this.task(id), result: await this.result(id) };
  }
}

/** A task of which only the stated parts matter. */
export function newTask(parts: Partial<NewTask> = {}): NewTask {
  return {
    id: randomUUID(),
    name: 'Handlers.run',
    queue: 'default',
    payload: '[]',
    priority: 0,
    eta: 1_700_000_000_000,
    maxAttempts: null,
    timeout: null,
    backoff: null,
    meta: null,
    createdAt: 1_700_000_000_000,
    ...parts,
  };
}

/** The error of an attempt. */
export function storedError(message = 'boom'): StoredError {
  return { name: 'Error', message, stack: `Error: ${message}\n    at somewhere` };
}

/** Each way in which a run can end its task, and the state it leads to. */
export const ENDINGS: readonly [state: string, end: (lease: number) => FinalResult][] = [
  ['completed', (lease) => ({ lease, status: 'success', value: '1' })],
  ['failed', (lease) => ({ lease, status: 'failed', error: storedError() })],
  ['cancelled', (lease) => ({ lease, status: 'cancelled' })],
];

/**
 * Compares data and not prototypes: what a driver returns may come from another realm where a
 * runner gives each test file its own.
 */
export function same(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}

/** Compares the parts of a row that are expected; it may have others. */
export function matches<T extends object>(actual: T | undefined, expected: Partial<T>): void {
  assert.ok(actual, 'there is nothing to compare');
  const parts = Object.keys(expected).map((key) => [key, actual[key as keyof T]]);
  same(Object.fromEntries(parts), expected);
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Asks again until the answer is there. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(Date.now() < giveUpAt, `${what}: did not happen within ${PATIENCE} ms`);
    await sleep(5);
  }
}

/** Instants far from now, so that no clock of a store is in doubt. */
export const hourAgo = (): number => Date.now() - 3_600_000;
export const inAnHour = (): number => Date.now() + 3_600_000;
