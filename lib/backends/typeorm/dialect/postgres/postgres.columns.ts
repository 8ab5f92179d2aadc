import type { LaneOrder, Requeue, Settlement } from '../server/server-database.js';

/** Id, lease, status, result, error. */
export function settledColumns(settlements: readonly Settlement[]): unknown[][] {
  return [
    settlements.map(({ id }) => id),
    settlements.map(({ lease }) => lease),
    settlements.map(({ status }) => status),
    settlements.map(({ result }) => result),
    settlements.map(({ error }) => error),
  ];
}

/** Id, lease, attempts that do not count, eta, error. */
export function requeueColumns(requeues: readonly Requeue[]): unknown[][] {
  return [
    requeues.map(({ id }) => id),
    requeues.map(({ lease }) => lease),
    requeues.map(({ giveBack }) => (giveBack ? 1 : 0)),
    requeues.map(({ eta }) => eta),
    requeues.map(({ error }) => error),
  ];
}

const LARGEST = 2 ** 63;

/** A number that may have been read from a bigint and become too large for one by being rounded. */
export function bigint(value: number): number | string {
  if (value >= LARGEST) return '9223372036854775807';
  return value <= -LARGEST ? '-9223372036854775808' : value;
}

/** Queue, name, priority, where to begin (eta, seq), attempts, room. */
export function laneColumns(lanes: readonly LaneOrder[]): unknown[][] {
  return [
    lanes.map((lane) => lane.queue),
    lanes.map((lane) => lane.name),
    lanes.map((lane) => lane.priority),
    lanes.map((lane) => bigint(lane.from.eta)),
    lanes.map((lane) => bigint(lane.from.seq)),
    lanes.map((lane) => lane.maxAttempts),
    lanes.map((lane) => lane.room),
  ];
}
