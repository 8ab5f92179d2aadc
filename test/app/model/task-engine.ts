import {
  DoNotRetryError,
  HandlerRegistry,
  TaskContext,
  TaskQueue,
  TypeOrmBackend,
  Worker,
  type SitqLogger,
} from 'nestjs-sitq';
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CONCURRENCY, SNOOZE, type Ending, type TaskModel } from './task-model.js';

interface Run {
  readonly id: string;
  readonly end: (ending: Ending) => void;
}

const LEASE = 3_600_000;
const QUIET: SitqLogger = { log: ignore, warn: ignore, error: ignore, debug: ignore };

/** The real queue, worker and backend on a clock that stands still, and a handler under control. */
export class TaskEngine {
  readonly queue: TaskQueue;
  private time = 0;
  private readonly clock = { now: () => this.time };
  private readonly backend = new TypeOrmBackend({ database: ':memory:', clock: this.clock });
  private readonly registry = new HandlerRegistry();
  private readonly context = new TaskContext();
  private worker = this.newWorker();
  /** Handlers that have not been told how to end. */
  private readonly live: Run[] = [];
  /** The same, but their tasks were handed on. */
  private readonly late: Run[] = [];
  private readonly runs = new Map<string, number>();

  constructor() {
    const { backend, registry, clock } = this;
    this.queue = new TaskQueue({ backend, registry, clock });
    registry.add({
      name: 'task',
      origin: 'TaskEngine.run',
      invoke: ([id]) => this.run(String(id)),
      queue: 'default',
      priority: 0,
      maxAttempts: 3,
      backoff: { type: 'fixed', delay: 0 },
      timeout: null,
      concurrency: Infinity,
      retryIf: undefined,
    });
  }

  async open(time: number): Promise<void> {
    this.time = time;
    await this.backend.open();
    await this.worker.start();
  }

  async close(): Promise<void> {
    await this.worker.stop();
    await this.backend.close();
  }

  setTime(time: number): void {
    this.time = time;
  }

  endRun(id: string, ending: Ending): void {
    const at = this.live.findIndex((run) => run.id === id);
    const [run] = this.live.splice(at, 1);
    run!.end(ending);
  }

  async restart(): Promise<void> {
    await this.worker.stop();
    this.endAll();
    this.worker = this.newWorker();
    await this.worker.start();
  }

  async loseWorker(time: number): Promise<void> {
    this.time = time;
    const order = (run: Run) => Number(run.id.slice('task-'.length));
    this.late.push(...this.live.splice(0).sort((a, b) => order(a) - order(b)));
    await this.backend['dataSource']!.query('DELETE FROM sitq_worker'); // as who takes over does
    await this.backend.rescueTasks();
  }

  endLate(at: number): void {
    const [run] = this.late.splice(at, 1);
    run!.end('return');
  }

  /** Waits until all is as in the model, or fails with the difference. */
  async settle(model: TaskModel): Promise<void> {
    const expected = stateOf(model);
    const giveUpAt = Date.now() + 5_000;
    for (;;) {
      const actual = await this.state(model);
      try {
        assert.deepEqual(actual, expected);
        return;
      } catch (difference) {
        if (Date.now() > giveUpAt) throw difference;
      }
      await nextTurn();
    }
  }

  private async state(model: TaskModel) {
    const tasks = await Promise.all(
      model.tasks.map(async ({ id }) => {
        const { status, attempt, cancelRequested, eta } = (await this.queue.getTask(id))!;
        const result = (await this.backend.getResult(id))!.status;
        const runs = this.runs.get(id) ?? 0;
        return { id, status, attempt, cancelRequested, eta: eta.getTime(), result, runs };
      }),
    );
    const { inFlight, refused, stuck } = this.worker.stats();
    const live = this.live.map((run) => run.id).sort();
    return { tasks, live, inFlight, refused, stuck };
  }

  private async run(id: string): Promise<string> {
    this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
    const ending = await new Promise<Ending>((end) => this.live.push({ id, end }));
    if (ending === 'throw') throw new Error('thrown');
    if (ending === 'give up') throw new DoNotRetryError('given up');
    if (ending === 'snooze') this.context.snooze(SNOOZE);
    return ending;
  }

  private endAll(): void {
    for (const run of [...this.live.splice(0), ...this.late.splice(0)]) run.end('return');
  }

  private newWorker(): Worker {
    const { backend, registry, context, clock } = this;
    const options = {
      concurrency: CONCURRENCY,
      pollInterval: 10,
      shutdownTimeout: 0,
      lease: LEASE,
    };
    return new Worker({ backend, registry, context, clock, options, logger: QUIET });
  }
}

/** Longer than the worker's lease. */
export const SILENCE = 2 * LEASE;

function stateOf(model: TaskModel) {
  const tasks = model.tasks.map(
    ({ id, status, attempt, cancelRequested, eta, result, runs }) =>
      ({ id, status, attempt, cancelRequested, eta, result, runs }) as const,
  );
  const live = model.running.map((task) => task.id).sort();
  const inFlight = live.length + model.late.length;
  return { tasks, live, inFlight, refused: model.refused, stuck: 0 };
}

function ignore(): void {}
