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
} from '../server/rows.js';
import type {
  ClaimOrder,
  ClaimedTask,
  LaneHead,
  StoredOutcome,
} from '../server/server-database.js';
import type { Muster } from '../worker-watch.js';
import type { ServerReads } from '../server/server-reads.js';
import { storedWorker } from '../stored-worker.js';
import { laneColumns } from './postgres.columns.js';
import type { Run } from './postgres.connections.js';
import type { PostgresStatements } from './postgres.statements.js';

/** How long a look at one task, or at the time, may take, in ms: then there is time for another connection. */
const SHORT_TIMEOUT = 5000;

/** What PostgreSQL is asked without changing anything. */
export class PostgresReads implements ServerReads {
  constructor(
    private readonly run: Run,
    private readonly sql: PostgresStatements,
  ) {}

  async now(): Promise<number> {
    const { rows } = await this.run(this.sql.now, [], { timeout: SHORT_TIMEOUT });
    return rows[0]![0] as number;
  }

  async survey(): Promise<{ now: number; heads: LaneHead[]; took: number }> {
    const { rows } = await this.run(this.sql.survey);
    const heads = rows[0]![2] === null ? [] : rows.map((row) => toHead(row.slice(2)));
    // The last row was made last.
    return { now: rows[0]![0] as number, heads, took: Number(rows.at(-1)![1]) };
  }

  async peek({ most, lanes }: Omit<ClaimOrder, 'workerId'>): Promise<string[]> {
    const { rows } = await this.run(this.sql.peek, [most, ...laneColumns(lanes)]);
    return rows.map(([id]) => id as string);
  }

  async findOutcomes(ids: readonly string[]): Promise<StoredOutcome[]> {
    return (await this.run(this.sql.outcomes, [ids])).rows.map(toOutcome);
  }

  async findHeld(workerId: string): Promise<ClaimedTask[]> {
    const { rows } = await this.run(this.sql.holding, [workerId]);
    return rows.map((row) => toClaimedTask(row));
  }

  async findWorkers(): Promise<Muster> {
    const { rows } = await this.run(this.sql.workers);
    const [now, startedAt] = (rows[0]?.slice(-2) ?? []).map(Number);
    return { workers: rows.map(toRegistration), now: now ?? NaN, startedAt };
  }

  async findOrphan(): Promise<{ found: boolean; took: number }> {
    const [[found, took]] = (await this.run(this.sql.orphan)).rows as [[boolean, string]];
    return { found, took: Number(took) };
  }

  async findTask(taskId: string): Promise<StoredTask | null> {
    const [row] = await this.look(this.sql.task, taskId);
    return row ? toStoredTask(row) : null;
  }

  async findResults(taskIds: readonly string[]): Promise<StoredResult[]> {
    const rows = await this.look(this.sql.results, taskIds);
    return rows.map(([id, ...row]) => toResult(id as string, row));
  }

  async findLog(taskId: string): Promise<LogLine[] | null> {
    const rows = await this.look(this.sql.log, taskId);
    return rows.length === 0 ? null : toLogLines(rows);
  }

  async findCancelRequests(workerId: string, ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.run(this.sql.cancelRequests, [workerId, ids]);
    return rows.map(([id]) => id as string);
  }

  async count(): Promise<TaskCounts> {
    return toCounts((await this.run(this.sql.counts)).rows);
  }

  async listWorkers(): Promise<StoredWorker[]> {
    const { rows } = await this.run(this.sql.listWorkers);
    return (rows as [number, string, string | null][]).map(([now, row, running]) =>
      storedWorker(JSON.parse(row) as WorkerRow, running, now),
    );
  }

  private async look(text: string, what: string | readonly string[]) {
    return (await this.run(text, [what], { timeout: SHORT_TIMEOUT })).rows;
  }
}
