import { DataSource, type DataSourceOptions } from 'typeorm';
import { EVERYWHERE, type Fault } from '../fault.js';

/** Transactions of the application enqueue and roll back, while others enqueue and commit. */
export const rollback: Fault = {
  name: 'rollback',
  title: `the application's transaction enqueues and rolls back amid other enqueues`,
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open();
    const dataSource = await new DataSource(optionsOf(arena.store.options)).initialize();
    arena.afterwards(() => dataSource.destroy());
    const ids: string[] = [];
    await arena.cycles(async (n) => {
      await arena.pass(0, 30);
      const id = `never-${n}`;
      ids.push(id);
      const rolledBack = dataSource.transaction(async (manager) => {
        await arena.queue.enqueue('ProcessTasks.work', [1], { id, manager });
        await arena.pass(0, 20);
        throw new RolledBack();
      });
      await rolledBack.catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
    });
    const left = await Promise.all(ids.map((id) => arena.queue.getTask(id)));
    return { 'left of what was rolled back': left.filter(Boolean).length };
  },
};

class RolledBack extends Error {}

function optionsOf(options: object): DataSourceOptions {
  const type = 'type' in options ? options.type : 'better-sqlite3';
  return { ...options, type } as DataSourceOptions;
}
