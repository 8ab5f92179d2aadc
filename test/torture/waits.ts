import type { Scene } from '../app/processes/scene.js';

/** From the call of an enqueue to the first start of its task, in ms, for the tasks of such names. */
export function waitsOf(scene: Scene): (tasks: RegExp) => number[] {
  const journal = scene.readJournal();
  const starts = new Map<string, number>();
  for (const { task, step, at } of scene.readLedger()) {
    if (step === 'start' && !starts.has(task)) starts.set(task, at);
  }
  return (tasks) =>
    journal.flatMap(({ task, step, at }) =>
      step === 'invoke' && tasks.test(task) && starts.has(task) ? [starts.get(task)! - at] : [],
    );
}
