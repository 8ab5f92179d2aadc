import type { NewTask } from '../../../../core/task.js';
import { taskRow } from '../task-row.js';
import { inPortions } from './in-portions.js';
import type { Run } from './mysql.connections.js';
import { isTaken } from './mysql.errors.js';
import type { MysqlStatements } from './mysql.statements.js';

/** How long single tasks may take to be stored: then there is time for another connection, in ms. */
const INSERT_TIMEOUT = 5000;

/** What tells two tasks with the same id apart. */
interface Content {
  readonly name: string;
  readonly payload: string;
}

/** Stores new tasks, and finds out which ids are taken. */
export class MysqlInserts {
  constructor(private readonly sql: MysqlStatements) {}

  /** Resolves to the places of those whose id is that of another task. */
  async insert(run: Run, tasks: readonly NewTask[], together: boolean): Promise<number[]> {
    const byId = new Map<string, NewTask>();
    for (const task of tasks) if (!byId.has(task.id)) byId.set(task.id, task);
    const refused = tasks.flatMap((task, i) => (isSame(task, byId.get(task.id)!) ? [] : [i]));
    if (together && refused.length > 0) return refused;
    const taken = new Map<string, Content>();
    await inPortions([...byId.values()], (part) => this.insertFree(run, part, taken));
    return tasks.flatMap((task, i) => {
      const content = taken.get(task.id) ?? byId.get(task.id)!;
      return isSame(task, content) ? [] : [i];
    });
  }

  /** Inserts the tasks whose id is free, and adds what is stored under the ids that are not. */
  private async insertFree(
    run: Run,
    tasks: readonly NewTask[],
    taken: Map<string, Content>,
  ): Promise<void> {
    // More than once, since others insert meanwhile. IGNORE would ignore other errors too.
    for (let free = tasks; free.length > 0; free = free.filter(({ id }) => !taken.has(id))) {
      try {
        await run(this.sql.insert, [free.map(taskRow)], INSERT_TIMEOUT);
        return;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
      const { rows } = await run(this.sql.stored, [free.map(({ id }) => id)]);
      for (const [id, name, payload] of rows as string[][]) {
        taken.set(id!, { name: name!, payload: payload! });
      }
    }
  }
}

function isSame(one: Content, other: Content): boolean {
  return one.name === other.name && one.payload === other.payload;
}
