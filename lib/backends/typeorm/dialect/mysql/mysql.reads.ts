import type { TaskCounts } from '../../../../core/capabilities/counting-backend.js';
import type { LogLine } from '../../../../core/capabilities/journaling-backend.js';
import type { StoredWorker } from '../../../../core/capabilities/worker-listing-backend.js';
import type { StoredResult } from '../../../../core/result.js';
import type { StoredTask } from '../../../../core/task.js';
import type { WorkerRow } from '../../entities/worker.entity.js';
import {
  toClaimedTask,
  toCounts,
  toHead,
  toLogLines,
  toOutcome,
  toRegistration,
  toResult,
  toStoredTask,
  type Row,
} from '../server/rows.js';
import type {
  Changes,
  ClaimOrder,
  ClaimedTask,
  LaneHead,
  StoredOutcome,
} from '../server/server-database.js';
import type { Muster } from '../worker-watch.js';
import type { ServerReads } from '../server/server-reads.js';
import { storedWorker } from '../stored-worker.js';
import { inPortions } from './in-portions.js';
import type { Run } from './mysql.connections.js';
import { nextOf } from './mysql.lanes.js';
import type { MysqlStatements } from './mysql.statements.js';

/** How long a look at the time may take, in ms: then there is time for another connection. */
const SHORT_TIMEOUT = 5000;

/** What MySQL is asked without changing anything. */
export class MysqlReads implements ServerReads {
  constructor(
    private readonly run: Run,
    private readonly sql: MysqlStatements,
  ) {}

  async now(): Promise<number> {
    return (await this.run(this.sql.now, [], SHORT_TIMEOUT)).rows[0]![0] as number;
  }

  async survey(): Promise<{ now: number; heads: LaneHead[]; took: number }> {
    const { rows } = await this.run(this.sql.survey);
    const [, , , now, took] = rows.pop() as [null, null, null, number, number];
    return { now, heads: rows.map((row) => toHead([...row.slice(0, 4), 0])), took };
  }

  async countChanges(since: number): Promise<Changes> {
    const { rows } = await this.run(this.sql.changes, [since, since]);
    const [ended, cancels] = rows[0] as [number, number];
    return { ended, cancels };
  }

  async peek(order: Omit<ClaimOrder, 'workerId'>): Promise<string[]> {
    const [text, values] = nextOf(this.sql, order);
    return (await this.run(this.sql.ids(text), values)).rows.map(([id]) => id as string);
  }

  async findOutcomes(ids: readonly string[]): Promise<StoredOutcome[]> {
    return this.rowsOfEach(ids, this.sql.outcomes, toOutcome);
  }

  async findHeld(workerId: string): Promise<ClaimedTask[]> {
    const { rows } = await this.run(this.sql.holding, [workerId]);
    return rows.map((row) => toClaimedTask(row));
  }

  async findWorkers(): Promise<Muster> {
    const [{ rows }, uptime] = await Promise.all([
      this.run(this.sql.workers),
      this.run(this.sql.uptime),
    ]);
    const now = Number(rows[0]?.at(-1));
    const startedAt = now - 1000 * Number(uptime.rows[0]![1]);
    return { workers: rows.map(toRegistration), now, startedAt };
  }

  async findOrphan(): Promise<{ found: boolean; took: number }> {
    const [[found, took]] = (await this.run(this.sql.orphan)).rows as [[number, number]];
    return { found: found === 1, took };
  }

  async findTask(taskId: string): Promise<StoredTask | null> {
    const { rows } = await this.run(this.sql.task, [taskId]);
    return rows[0] ? toStoredTask(rows[0]) : null;
  }

  findResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    return this.rowsOfEach(taskIds, this.sql.results, ([id, ...row]) =>
      toResult(id as string, row),
    );
  }

  async findLog(taskId: string): Promise<LogLine[] | null> {
    const { rows } = await this.run(this.sql.log, [taskId]);
    return rows.length === 0 ? null : toLogLines(rows);
  }

  async findCancelRequests(workerId: string, ids: readonly string[]): Promise<string[]> {
    return this.rowsOfEach(ids, this.sql.cancelRequests, ([id]) => id as string, workerId);
  }

  async count(): Promise<TaskCounts> {
    return toCounts((await this.run(this.sql.counts)).rows);
  }

  async listWorkers(): Promise<StoredWorker[]> {
    const { rows } = await this.run(this.sql.listWorkers);
    return rows.map((row) => {
      const [now, running, ...columns] = row as [number, string | null, ...unknown[]];
      return storedWorker(toWorkerRow(columns), running, now);
    });
  }

  private async rowsOfEach<T>(
    ids: readonly string[],
    text: string,
    read: (row: Row) => T,
    ...values: unknown[]
  ): Promise<T[]> {
    const found: T[] = [];
    await inPortions(ids, async (part) => {
      found.push(...(await this.run(text, [part, ...values])).rows.map(read));
    });
    return found;
  }
}

/** In the order of the statement. */
const WORKER = [
  'id',
  'host',
  'pid',
  'version',
  'queues',
  'handlers',
  'limits',
  'concurrency',
  'stuck',
  'lingering',
  'loop_lag',
  'lease',
  'expires_at',
  'started_at',
] as const satisfies readonly (keyof WorkerRow)[];

function toWorkerRow(columns: Row): WorkerRow {
  return Object.fromEntries(WORKER.map((name, i) => [name, columns[i]])) as unknown as WorkerRow;
}
