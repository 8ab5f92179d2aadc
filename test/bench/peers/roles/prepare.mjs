import { loadAdapter } from '../adapters/load.mjs';

/** Makes the tables of a peer, and queues so many tasks. */
export async function play({ row, store, tasks }) {
  const adapter = await loadAdapter(row.tables ?? row.adapter);
  const session = await adapter.open(store, row.options);
  if (tasks > 0) await (session.fill ?? session.bulk)(tasks);
  const stored = await session.unfinished();
  if (stored !== tasks) throw new Error(`${row.title} has ${stored} tasks instead of ${tasks}.`);
  await session.close();
}
