import type { JournalEntry, LedgerEntry, Receipt } from './protocol.js';

/** A change of a task's state or lease, as the database committed it. */
export interface TaskChange {
  readonly at: number;
  readonly task: string;
  readonly from: string;
  readonly to: string;
  readonly lease: number;
  readonly attempt: number;
  /** What the attempt was before: more than now where it was given back. */
  readonly attemptBefore: number;
  /** The worker that holds the task, or held it before this change. */
  readonly worker: string | null;
  /** Code of the stored error, which may be of an earlier attempt. */
  readonly error: string | null;
}

/** A worker whose registration was removed. */
export interface Departure {
  readonly at: number;
  readonly worker: string;
  readonly pid: number;
  readonly expiresAt: number;
}

/** A process that the test killed. */
export interface Kill {
  readonly at: number;
  readonly pid: number;
}

/** A task at the end. */
export interface FinalTask {
  readonly task: string;
  readonly status: string;
  readonly attempt: number;
  readonly maxAttempts: number | null;
  readonly lease: number;
  readonly result: string | null;
  readonly error: string | null;
}

/** Everything that is known of a run of several processes on one database. */
export interface History {
  /** What producers asked for, and what they were told. */
  readonly journal: readonly JournalEntry[];
  /** What handlers did. */
  readonly ledger: readonly LedgerEntry[];
  /** What the database committed. */
  readonly changes: readonly TaskChange[];
  readonly departures: readonly Departure[];
  readonly kills: readonly Kill[];
  /** How it ended. */
  readonly tasks: readonly FinalTask[];
}

const TERMINAL = new Set(['completed', 'failed', 'cancelled']);
const WORKER_LOST = 'SITQ_WORKER_LOST';

/**
 * Checks the invariants of the design on a history in which every task ends well unless its
 * worker dies. Pure. Each violation begins with the invariant's name; none means that all hold.
 */
export function violations(history: History): string[] {
  const found: string[] = [];
  const tasks = groupBy(history.tasks, ({ task }) => task);
  const runs = groupBy(history.ledger, ({ task }) => task);
  const changes = groupBy(history.changes, ({ task }) => task);

  const invoked = new Set(history.journal.map(({ task }) => task));
  for (const { step, task } of history.journal) {
    if (step === 'ok' && !tasks.has(task)) found.push(`I1 ${task} was acknowledged and is lost`);
  }
  for (const task of new Set([...tasks.keys(), ...runs.keys()])) {
    if (!invoked.has(task)) found.push(`I2 ${task} was enqueued by nobody`);
  }
  for (const [task, rows] of tasks) {
    if (rows.length > 1) found.push(`I2 ${task} is ${rows.length} tasks`);
    const life = { final: rows[0]!, changes: changes.get(task) ?? [], runs: runs.get(task) ?? [] };
    const say = (violation: string) => void found.push(violation.replace(' ', ` ${task} `));
    checkEnd(life, say);
    checkLeases(life, history, say);
    checkResult(life, say);
    checkRuns(life, say);
  }
  return found;
}

/** For each run that was lost with its worker: ms from the kill to the next claim of the task. */
export function recoveryTimes({ changes, departures, kills }: History): number[] {
  return changes.filter(isLoss).flatMap((lost) => {
    const pid = departures.find(({ worker }) => worker === lost.worker)?.pid;
    const kill = kills.find((each) => each.pid === pid);
    const claim = changes.find(
      ({ task, to, lease }) => task === lost.task && to === 'running' && lease > lost.lease,
    );
    return kill && claim ? [claim.at - kill.at] : [];
  });
}

interface Life {
  readonly final: FinalTask;
  readonly changes: readonly TaskChange[];
  readonly runs: readonly LedgerEntry[];
}
type Say = (violation: string) => void;

function checkEnd({ final, changes }: Life, say: Say): void {
  const ends = changes.filter(({ to }) => TERMINAL.has(to));
  if (!TERMINAL.has(final.status)) say(`I1 is ${final.status} at the end`);
  else if (ends.length !== 1) say(`I1 reached a terminal state ${ends.length} times`);
  else if (ends[0]!.to !== final.status) say(`I1 ended as ${ends[0]!.to} and is ${final.status}`);
  if (changes.some(({ from }) => TERMINAL.has(from))) say('I1 left a terminal state');
}

function checkLeases({ changes, runs }: Life, { departures, kills }: History, say: Say): void {
  const claims = changes.filter(({ to }) => to === 'running');
  if (!rises(claims.map(({ lease }) => lease)))
    say('I3 was claimed with a lease that does not rise');
  if (claims.some(({ from }) => from !== 'queued')) say('I3 was claimed while it was not queued');
  // Lease 0: it was lost before the handler could look at it. A process that is stopped between
  // its look and its line writes the line late, so their order tells nothing.
  const starts = runs.filter(({ step, lease }) => step === 'start' && lease > 0);
  if (new Set(starts.map(({ lease }) => lease)).size < starts.length)
    say('I3 was run twice with one lease');
  for (const { lease } of starts) {
    if (!claims.some((claim) => claim.lease === lease))
      say(`I3 was run with lease ${lease} unclaimed`);
  }
  for (const lost of changes.filter(isLoss)) {
    const left = departures.find(({ worker, at }) => worker === lost.worker && at <= lost.at);
    const killed = kills.some(({ pid, at }) => pid === left?.pid && at <= lost.at);
    if (!left) {
      const later = departures.filter(({ worker }) => worker === lost.worker);
      say(
        `I3 was taken from a worker that is registered, with lease ${lost.lease}: ` +
          JSON.stringify({ lost, later, life: changes }),
      );
    } else if (!killed && left.expiresAt > left.at) {
      say(`I3 was taken from a worker that lived, with lease ${lost.lease}`);
    }
  }
}

function checkResult({ final, changes, runs }: Life, say: Say): void {
  const settled = changes.find(({ to }) => TERMINAL.has(to));
  if (settled && settled.lease !== final.lease) say('I4 changed its lease after it was settled');
  if (final.status !== 'completed') return;
  const result = receiptIn(final.result);
  const run = runs.find(({ step, lease }) => step === 'end' && lease === final.lease);
  if (!run) say(`I4 was completed by lease ${final.lease}, whose handler never ended`);
  else if (
    result?.lease !== run.lease ||
    result.worker !== run.worker ||
    result.task !== run.task
  ) {
    say(`I5 has the result of lease ${result?.lease} and was settled by lease ${final.lease}`);
  }
}

function receiptIn(result: string | null): Receipt | null {
  try {
    return JSON.parse(result ?? 'null') as Receipt | null;
  } catch {
    return null; // something that JSON has no words for
  }
}

function checkRuns({ final, changes, runs }: Life, say: Say): void {
  const { status, attempt, maxAttempts, error } = final;
  const starts = runs.filter(({ step }) => step === 'start').length;
  const returns = changes.filter(isGivenBack);
  const claims = changes.filter(({ to }) => to === 'running').length - returns.length;
  const losses = changes.filter(isLoss).length;
  const most = maxAttempts ?? 0;
  if (starts > most || claims > most || attempt > most) {
    say(`I6 ran ${starts} times, was claimed ${claims} times and may run ${most} times`);
  }
  if (status === 'failed' && (error !== WORKER_LOST || attempt !== maxAttempts)) {
    say(`I6 failed with ${error} after attempt ${attempt} of ${maxAttempts}`);
  }
  for (const { lease } of returns) {
    if (runs.some((run) => run.step === 'start' && run.lease === lease)) {
      say(`I7 was given back by lease ${lease} after its handler had begun`);
    }
  }
  if (losses === 0 && (starts !== 1 || claims !== 1))
    say(`I7 lost no worker and ran ${starts} times`);
  else if (claims - losses !== (status === 'completed' ? 1 : 0)) {
    say(`I7 lost ${losses} workers and was claimed ${claims} times`);
  }
}

/** Whether a worker gave the task back, with its attempt. */
function isGivenBack({ from, to, attempt, attemptBefore }: TaskChange): boolean {
  return from === 'running' && to === 'queued' && attempt < attemptBefore;
}

/** Whether a change took the task from a worker that died or lost its lease. */
function isLoss(change: TaskChange): boolean {
  const { from, to, error } = change;
  const isOver = from === 'running' && (to === 'queued' || to === 'failed');
  return isOver && error === WORKER_LOST && !isGivenBack(change);
}

function rises(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > numbers[i - 1]!);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
