import type { RescuedTask } from '../../../../core/capabilities/leasing-backend.js';
import type { Row } from '../server/rows.js';
import type { LaneHead } from '../server/server-database.js';
import { workerLost } from '../worker-lost.js';
import type { Registration } from '../worker-watch.js';
import type { Run } from './mysql.connections.js';
import type { MysqlStatements } from './mysql.statements.js';

/** Place and lease. */
type Abandoned = [seq: number, lease: number];

const NOBODY = [[null, null]];
/** Tasks brought forward at a time. */
const MOST = 5000;

/** Takes over the tasks of lost workers, and frees what a clock that went back holds. */
export class MysqlRescue {
  constructor(private readonly sql: MysqlStatements) {}

  async rescue(
    run: Run,
    gone: readonly string[],
    silent: readonly Registration[],
  ): Promise<(RescuedTask & LaneHead)[]> {
    const suspects = [...gone, ...silent.map(({ id }) => id)];
    const held = silent.length > 0 ? silent.map(({ id, expiresAt }) => [id, expiresAt]) : NOBODY;
    const lost =
      suspects.length === 0
        ? []
        : (await run(this.sql.lockLost, [suspects, listed(gone), held])).rows.map(([id]) => id);
    // First of all: what is left locked below then belongs to nobody, and the next look finds it.
    if (lost.length > 0) await run(this.sql.dropWorkers, [lost]);
    const rescued: (RescuedTask & LaneHead)[] = [];
    for (;;) {
      const { rows } = await run(this.sql.abandoned, [listed(lost)]);
      const found = rows.length === 0 ? [] : await this.rescueIn(run, rows as Abandoned[]);
      rescued.push(...found);
      if (found.length === 0) break; // what is left is locked by whoever is at work on it
    }
    return rescued;
  }

  async bringForward(run: Run): Promise<number> {
    const { rows } = await run(this.sql.early, [MOST]);
    if (rows.length === 0) return 0;
    return (await run(this.sql.bringForward, [rows.map(([seq]) => seq)])).count;
  }

  private async rescueIn(run: Run, abandoned: readonly Abandoned[]) {
    const leases = new Map(abandoned);
    const locked = await run(this.sql.lockAbandoned, [[...leases.keys()]]);
    // Its lease tells that nobody has claimed it since.
    const rows = locked.rows.filter(([seq, lease]) => leases.get(seq as number) === lease);
    if (rows.length === 0) return [];
    const rescued = rows.map(toRescued).sort((a, b) => a.task.seq - b.task.seq);
    const seqs = rescued.map(({ task }) => task.seq);
    const errors = rescued.map(({ error }) => error);
    await run(this.sql.rescue, [seqs, errors, seqs]);
    return rescued.map(({ task }) => task);
  }
}

/** A list for IN (...), which must not be empty. */
function listed(values: readonly unknown[]): readonly unknown[] {
  return values.length > 0 ? values : [null];
}

function toRescued(row: Row): { task: RescuedTask & LaneHead; error: string } {
  const [seq, , id, name, workerId, attempt, most, cancelRequestedAt, queue, priority, eta, error] =
    row as [
      number,
      number,
      string,
      string,
      string,
      number,
      number | null,
      number | null,
      string,
      number,
      number,
      string | null,
    ];
  const isLeft = most !== null && attempt < most;
  const status = cancelRequestedAt !== null ? 'cancelled' : isLeft ? 'queued' : 'failed';
  const task = { id, name, workerId, attempt, status, queue, priority, eta, seq } as const;
  return { task, error: workerLost(workerId, attempt, error) };
}
