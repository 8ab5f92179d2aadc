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

/** Queue, name, priority, where to begin (eta, seq), attempts, room. */
export function laneColumns(lanes: readonly LaneOrder[]): unknown[][] {
  return [
    lanes.map((lane) => lane.queue),
    lanes.map((lane) => lane.name),
    lanes.map((lane) => lane.priority),
    lanes.map((lane) => lane.from.eta),
    lanes.map((lane) => lane.from.seq),
    lanes.map((lane) => lane.maxAttempts),
    lanes.map((lane) => lane.room),
  ];
}
