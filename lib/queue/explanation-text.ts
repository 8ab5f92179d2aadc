import type { StoredError } from '../core/result.js';
import type { TaskSituation, WaitingSituation } from '../core/task-explanation.js';
import type { StoredTask } from '../core/task.js';
import type { WorkerInfo } from '../core/worker-info.js';
import { likelyNames } from './likely-names.js';

/** Characters of an error's message. */
const LONGEST_MESSAGE = 200;

/**
 * A situation as a sentence, with what to do about it.
 *
 * @param database where the task is, if the store can tell.
 */
export function explanationText(
  task: StoredTask,
  situation: TaskSituation,
  database: string | null,
): string {
  const { attempt, state } = situation;
  switch (state) {
    case 'waiting':
      return waitingText(task, situation) + placeText(situation, database);
    case 'running':
      return situation.workerAlive
        ? `It runs since ${at(situation.since)}, as attempt ${attempt}, on worker ${situation.worker}.`
        : `Its worker ${situation.worker} fell silent during attempt ${attempt}; the next live ` +
            `worker that looks takes it over: start one if there is none.`;
    case 'ended':
      return situation.status === 'failed'
        ? `It failed at ${at(situation.at)}, after ${attempt} attempt(s), with ` +
            `${shown(situation.error)}.`
        : `It is ${situation.status} since ${at(situation.at)}.`;
  }
}

function waitingText(task: StoredTask, situation: WaitingSituation): string {
  switch (situation.reason) {
    case 'eta':
      return task.startedAt === null
        ? `It is not due before ${at(situation.until)}; cancel it and enqueue it again without ` +
            `eta or delay to have it run earlier.`
        : `Its handler put it off until ${at(situation.until)}; a shorter snooze would bring it ` +
            `back earlier.`;
    case 'retry':
      return (
        `Attempt ${situation.attempt} failed with ${shown(situation.error)}; its backoff puts the ` +
        `next one off until ${at(situation.until)}.`
      );
    case 'blocked':
      return 'It waits for other tasks to end.';
    case 'no-worker':
      return noWorkerText(task, situation);
    case 'slots':
      return (
        `It is next, but all ${slotsOf(situation.workers)} slot(s) of ${shownAll(situation.workers)} ` +
        `are taken; wait, raise worker.concurrency or start another process.`
      );
    case 'handler-limit':
      return (
        `${task.name} runs as often at once as its own concurrency, or the threads of isolated ` +
        `handlers, allow on ` +
        `${shownAll(situation.workers)}; wait, raise the concurrency of its @Task() or, with ` +
        `isolate: true, worker.isolation.threads, or start another process.`
      );
    case 'behind':
      return (
        `${situation.ahead} task(s) come first by priority, eta and order of enqueueing; wait, ` +
        `enqueue it with a higher priority, or raise worker.concurrency or start another process.`
      );
    case 'ready':
      return (
        `${shownAll(situation.workers)} should take it at any moment; if that does not happen, ` +
        `look there for a blocked event loop or a lost database.`
      );
  }
}

/** Of a process in another working directory, or with another URL, there is nothing to be seen. */
function placeText({ reason }: WaitingSituation, database: string | null): string {
  if (reason !== 'no-worker' || database === null) return '';
  return ` The task is in ${database}; a worker must have that very one.`;
}

function noWorkerText(
  { name, queue }: StoredTask,
  { alive, missing, names }: Extract<WaitingSituation, { reason: 'no-worker' }>,
): string {
  switch (missing) {
    case 'worker':
      return `No worker is alive; start a process whose worker option is not false.`;
    case 'handler':
      return (
        `None of the ${alive} live worker(s) has a handler named '${name}'; start a process that ` +
        `has it, or enqueue under the right name. ${likelyNames(name, names).hint}`.trimEnd()
      );
    case 'queue':
      return (
        `None of the ${alive} live worker(s) has the handler '${name}' and takes the queue ` +
        `'${queue}'; add it to worker.queues of a process that has the handler.`
      );
  }
}

function at(instant: Date): string {
  // One that somebody wrote may be none.
  return Number.isNaN(instant.getTime()) ? 'no instant' : instant.toISOString();
}

function shown(error: StoredError | null): string {
  if (!error) return 'no error told';
  const [line = ''] = error.message.split('\n');
  const cut = line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}...` : line;
  return `${error.name}: ${cut.replace(/\.$/, '')}`;
}

function shownAll(workers: readonly WorkerInfo[]): string {
  const [first] = workers;
  if (workers.length > 1) return `${workers.length} workers`;
  return first ? `worker ${first.id} (${first.host}, pid ${first.pid})` : 'no worker';
}

function slotsOf(workers: readonly WorkerInfo[]): number {
  let slots = 0;
  for (const { concurrency, inFlight } of workers) slots += concurrency ?? inFlight;
  return slots;
}
