import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { seconds } from './workspace.mjs';

const CHILD = fileURLToPath(new URL('./drain.worker.mjs', import.meta.url));
const CONCURRENCY = 500;

/** Tasks per second of so many worker processes together. */
export async function drainByProcesses(store, count, processes) {
  const children = Array.from({ length: processes }, () =>
    fork(CHILD, [JSON.stringify(store), String(CONCURRENCY)]),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  const took = await seconds(async () => {
    const done = new Map();
    await new Promise((resolve) => {
      for (const child of children) {
        child.on('message', (number) => {
          done.set(child, number);
          let sum = 0;
          for (const each of done.values()) sum += each;
          if (sum >= count) resolve();
        });
        child.send('start');
      }
    });
  });
  await Promise.all(
    children.map((child) => {
      child.disconnect();
      return once(child, 'exit');
    }),
  );
  return count / took;
}
