import { jest } from '@jest/globals';
import { TurnLine } from '../lib/backends/typeorm/transactions/turn-line.js';
import { Turn } from '../lib/backends/typeorm/transactions/turn.js';

/** What becomes of a promise, when everything that can happen at once has happened. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = 'waits';
  promise.then(
    () => (state = 'goes'),
    (error: Error) => (state = error.message),
  );
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
  return state;
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('turns come in the order in which they were asked for', async () => {
  const line = new TurnLine();
  const turns = [1, 2, 3].map(() => new Turn(true));
  const [first, second, third] = turns.map((turn) => line.enter(turn));
  expect(await stateOf(first!)).toBe('goes');
  expect(await stateOf(second!)).toBe('waits');
  line.leave(turns[0]!);
  expect(await stateOf(second!)).toBe('goes');
  expect(await stateOf(third!)).toBe('waits');
  line.leave(turns[1]!);
  expect(await stateOf(third!)).toBe('goes');
});

test('who waits 15 s for one that has tasks in it is told', async () => {
  const line = new TurnLine();
  const holder = await line.enter(new Turn(true));
  holder.hasTasks = true;
  const waiting = line.enter(new Turn(true));
  jest.advanceTimersByTime(14_000);
  expect(await stateOf(waiting)).toBe('waits');
  jest.advanceTimersByTime(1000);
  expect(await stateOf(waiting)).toMatch(/open on this DataSource for 15 s.*use its manager/);
  await expect(waiting).rejects.toMatchObject({ code: 'SITQ_BACKEND', transient: true });
  const next = line.enter(new Turn(true));
  line.leave(holder);
  expect(await stateOf(next)).toBe('goes');
});

test('who waits longer for several is not', async () => {
  const line = new TurnLine();
  const turns = [1, 2, 3].map(() => new Turn(true));
  const last = turns.map((turn) => line.enter(turn)).at(-1)!;
  turns.forEach((turn) => (turn.hasTasks = true));
  for (const turn of turns.slice(0, 2)) {
    jest.advanceTimersByTime(14_000);
    expect(await stateOf(last)).toBe('waits');
    line.leave(turn);
  }
  expect(await stateOf(last)).toBe('goes');
});

test('who waits 15 s for one without tasks goes on as without sitq, and shares it', async () => {
  const line = new TurnLine();
  const holder = await line.enter(new Turn(true));
  const other = new Turn(true);
  const waiting = line.enter(other);
  jest.advanceTimersByTime(15_000);
  expect(await stateOf(waiting)).toBe('goes');
  expect([holder.isShared, other.isShared]).toEqual([true, true]);
});
