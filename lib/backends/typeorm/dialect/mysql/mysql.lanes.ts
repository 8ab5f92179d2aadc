import type { ClaimOrder, LaneOrder } from '../server/server-database.js';
import type { MysqlStatements } from './mysql.statements.js';

/** What a lane is asked by: queue, name, priority, and the eta to begin at. */
export function laneValues({ queue, name, priority, from }: LaneOrder): unknown[] {
  return [queue, name, priority, from.eta];
}

/** The same SELECT so many times. */
export function union(select: string, times: number): string {
  return times === 1 ? select : Array<string>(times).fill(`(${select})`).join(' UNION ALL ');
}

/** The statement, and its values, that looks which tasks of several lanes come next. */
export function nextOf(
  sql: MysqlStatements,
  { most, lanes }: Omit<ClaimOrder, 'workerId'>,
): [text: string, values: unknown[]] {
  const handlers = [...new Set(lanes.map(({ name }) => name))];
  const heads = lanes.flatMap((lane, i) => {
    const { name, priority, room } = lane;
    const columns = [i, priority, handlers.indexOf(name), room];
    return [...columns, ...laneValues(lane), Math.min(most, room)];
  });
  const next = lanes.some(({ room }) => room < most) ? sql.nextWithin : sql.next;
  return [next(union(sql.ahead, lanes.length)), [...heads, most]];
}
