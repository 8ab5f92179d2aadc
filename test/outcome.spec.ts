import {
  DoNotRetryError,
  LeaseLostError,
  RetryAfterError,
  TaskCancelledError,
  TaskTimeoutError,
  WorkerShutdownError,
} from 'nestjs-sitq';
import { decideOutcome, type RunEnd, type RunFacts } from '../lib/core/outcome.js';

const NOW = 1_000_000;
const FACTS: RunFacts = {
  attempt: 1,
  maxAttempts: 3,
  backoff: { type: 'fixed', delay: 500 },
  retryIf: undefined,
  abortReason: undefined,
  task: () => {
    throw new Error('nobody asked for the task');
  },
  now: NOW,
  random: () => 0.5,
};

const boom = new Error('boom');
const returned: RunEnd = { kind: 'returned', value: 7 };
const snoozed: RunEnd = { kind: 'snoozed', delay: 50 };
const threw = (error: unknown): RunEnd => ({ kind: 'threw', error });

const timeout = new TaskTimeoutError('t', 100);
const cancel = new TaskCancelledError('t');
const shutdown = new WorkerShutdownError();
const lost = new LeaseLostError('t', 1);
const doNotRetry = new DoNotRetryError('no');

const retryAt = (eta: number, error: unknown) => ({ kind: 'retry', error, eta });

test.each<[string, RunEnd, unknown, object]>([
  ['a value completes', returned, undefined, { kind: 'completed', value: 7 }],
  ['a value completes in spite of a timeout', returned, timeout, { kind: 'completed' }],
  ['a value completes in spite of a cancel', returned, cancel, { kind: 'completed' }],
  ['a value completes in spite of a shutdown', returned, shutdown, { kind: 'completed' }],
  ['nothing is decided without the lease', returned, lost, { kind: 'lost' }],
  ['an error is retried', threw(boom), undefined, retryAt(NOW + 500, boom)],
  ['an error after a cancel is a cancel', threw(boom), cancel, { kind: 'cancelled' }],
  [
    'an error after a shutdown gives the attempt back',
    threw(boom),
    shutdown,
    { kind: 'given-back' },
  ],
  [
    'an error after a timeout is the timeout',
    threw(boom),
    timeout,
    { kind: 'retry', eta: NOW + 500 },
  ],
  ['DoNotRetryError fails', threw(doNotRetry), undefined, { kind: 'failed', error: doNotRetry }],
  [
    'DoNotRetryError fails after a timeout too',
    threw(doNotRetry),
    timeout,
    { kind: 'failed', error: doNotRetry },
  ],
  [
    'RetryAfterError sets the delay',
    threw(new RetryAfterError(9)),
    undefined,
    { kind: 'retry', eta: NOW + 9 },
  ],
  [
    'RetryAfterError sets it after a timeout too',
    threw(new RetryAfterError(9)),
    timeout,
    { kind: 'retry', eta: NOW + 9 },
  ],
  ['a snooze comes back', snoozed, undefined, { kind: 'snoozed', eta: NOW + 50 }],
  ['a snooze after a cancel is a cancel', snoozed, cancel, { kind: 'cancelled' }],
])('%s', (_, end, abortReason, outcome) => {
  expect(decideOutcome(end, { ...FACTS, abortReason })).toMatchObject(outcome);
});

test('a timeout keeps what the handler threw as its cause', () => {
  const outcome = decideOutcome(threw(boom), { ...FACTS, abortReason: timeout });
  expect(outcome).toMatchObject({ error: { name: 'TaskTimeoutError', timeout: 100, cause: boom } });
});

test.each([
  ['after the last attempt', { attempt: 3 }],
  ['where retryIf says so', { retryIf: () => false, task: () => ({}) as never }],
  ['where backoff gives up', { backoff: () => false as const, task: () => ({}) as never }],
])('an error fails the task %s', (_, facts) => {
  expect(decideOutcome(threw(boom), { ...FACTS, ...facts })).toEqual({
    kind: 'failed',
    error: boom,
  });
});

test('a mistake in a function of the user fails the task and is told beside the error', () => {
  const retryIf = () => {
    throw new Error('typo');
  };
  const facts = { ...FACTS, retryIf, task: () => ({}) as never };
  expect(decideOutcome(threw(boom), facts)).toMatchObject({
    kind: 'failed',
    error: { message: 'retryIf or backoff threw: Error: typo', cause: boom },
  });
});
