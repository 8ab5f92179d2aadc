import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { SILENCE, TaskEngine } from './app/model/task-engine.js';
import { TaskModel, type Ending, type ModelTask } from './app/model/task-model.js';

/** A step that both take; afterwards the worker fills its slots and the two must agree. */
abstract class Step implements fc.AsyncCommand<TaskModel, TaskEngine> {
  check(model: Readonly<TaskModel>): boolean {
    return this.applies(model);
  }

  async run(model: TaskModel, engine: TaskEngine): Promise<void> {
    model.time += 1;
    engine.setTime(model.time);
    await this.take(model, engine);
    model.claim();
    await engine.settle(model);
    for (const { runs, attempt, maxAttempts } of model.tasks) {
      assert.ok(attempt <= runs && attempt <= maxAttempts);
    }
  }

  applies(_model: Readonly<TaskModel>): boolean {
    return true;
  }

  abstract take(model: TaskModel, engine: TaskEngine): Promise<void>;
  abstract toString(): string;
}

class Enqueue extends Step {
  constructor(
    private readonly priority: number,
    private readonly attempts: number,
    private readonly delay: number,
  ) {
    super();
  }

  async take(model: TaskModel, { queue }: TaskEngine): Promise<void> {
    const { priority, attempts, delay } = this;
    const id = `task-${model.tasks.length}`;
    model.enqueue(id, priority, attempts, delay);
    await queue.enqueue('task', [id], { id, priority, attempts, delay });
  }

  toString(): string {
    return `enqueue(priority ${this.priority}, attempts ${this.attempts}, delay ${this.delay})`;
  }
}

/** A step with one of the tasks, if there is one that fits. */
abstract class StepWithTask extends Step {
  constructor(private readonly choice: number) {
    super();
  }

  override applies(model: TaskModel): boolean {
    return this.candidates(model).length > 0;
  }

  candidates({ tasks }: TaskModel): ModelTask[] {
    return tasks;
  }

  chosen(model: TaskModel): ModelTask {
    const candidates = this.candidates(model);
    return candidates[this.choice % candidates.length]!;
  }

  toString(): string {
    return `${this.constructor.name}(${this.choice})`;
  }
}

class EnqueueAgain extends StepWithTask {
  async take(model: TaskModel, { queue }: TaskEngine): Promise<void> {
    const { id } = this.chosen(model);
    await queue.enqueue('task', [id], { id, priority: 5, delay: 1000 });
  }
}

class Cancel extends StepWithTask {
  async take(model: TaskModel, { queue }: TaskEngine): Promise<void> {
    const task = this.chosen(model);
    model.cancel(task);
    assert.equal(await queue.cancel(task.id), task.status);
  }
}

class EndRun extends StepWithTask {
  constructor(
    choice: number,
    private readonly ending: Ending,
  ) {
    super(choice);
  }

  override candidates(model: TaskModel): ModelTask[] {
    return model.running;
  }

  async take(model: TaskModel, engine: TaskEngine): Promise<void> {
    const task = this.chosen(model);
    model.endRun(task, this.ending);
    engine.endRun(task.id, this.ending);
  }

  override toString(): string {
    return `${super.toString()} by ${this.ending}`;
  }
}

class Advance extends Step {
  async take(model: TaskModel, engine: TaskEngine): Promise<void> {
    model.time += 60;
    engine.setTime(model.time);
  }

  toString(): string {
    return 'advance';
  }
}

class Restart extends Step {
  async take(model: TaskModel, engine: TaskEngine): Promise<void> {
    model.restart();
    await engine.restart();
  }

  toString(): string {
    return 'restart';
  }
}

class EndLateRun extends Step {
  constructor(private readonly choice: number) {
    super();
  }

  override applies({ late }: TaskModel): boolean {
    return late.length > 0;
  }

  async take(model: TaskModel, engine: TaskEngine): Promise<void> {
    const at = this.choice % model.late.length;
    model.endLate(at);
    engine.endLate(at);
  }

  toString(): string {
    return `end late run ${this.choice}`;
  }
}

class LoseWorker extends Step {
  async take(model: TaskModel, engine: TaskEngine): Promise<void> {
    model.time += SILENCE;
    model.loseWorker();
    await engine.loseWorker(model.time);
  }

  toString(): string {
    return 'lose the worker';
  }
}

const choice = fc.nat({ max: 20 });
const enqueue = fc
  .record({
    priority: fc.integer({ min: -1, max: 1 }),
    attempts: fc.integer({ min: 1, max: 3 }),
    delay: fc.constantFrom(0, 0, 100),
  })
  .map(({ priority, attempts, delay }) => new Enqueue(priority, attempts, delay));
const ending = fc.constantFrom<Ending>('return', 'throw', 'throw', 'give up', 'snooze');
const endRun = fc.tuple(choice, ending).map(([n, how]) => new EndRun(n, how));

/** Each kind as often as it stands here: enough enqueues that tasks wait for a slot. */
const steps = fc.commands(
  [
    enqueue,
    enqueue,
    enqueue,
    enqueue,
    endRun,
    endRun,
    endRun,
    choice.map((n) => new EnqueueAgain(n)),
    choice.map((n) => new Cancel(n)),
    fc.constant(new Advance()),
    fc.constant(new Restart()),
    fc.constant(new LoseWorker()),
    choice.map((n) => new EndLateRun(n)),
  ],
  { maxCommands: 60, size: 'max' },
);

test('whatever happens to tasks, they go the way of the model', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      const engine = new TaskEngine();
      const model = new TaskModel();
      await engine.open(model.time);
      try {
        await fc.asyncModelRun(() => ({ model, real: engine }), commands);
      } finally {
        await engine.close();
      }
    }),
    // Shrinking a failure waits for many a state that never comes.
    { numRuns: 100, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  );
});
