import 'reflect-metadata';
import { BroadcastChannel } from 'node:worker_threads';
import {
  CLOSE_CHANNEL,
  THREAD_MODULE,
  type CloseMessage,
  type RunNews,
  type RunOrder,
  type ThreadModule,
  type ThreadOrder,
} from '../worker/isolation/crossing.js';
import { packError } from '../worker/isolation/crossing-error.js';
import { IsolatedApp } from './isolated-app.js';

/** How long a task waits that has met a thread without an application, in ms. */
const NEXT_BOOT = 1000;

const mark = JSON.parse(process.env[THREAD_MODULE]!) as ThreadModule;
const booting = IsolatedApp.boot(mark);
booting.catch(() => undefined); // whoever asks is told

const channel = new BroadcastChannel(CLOSE_CHANNEL);
channel.unref();
channel.addEventListener('message', async (event) => {
  const { kind, pool } = (event as unknown as { data: CloseMessage }).data;
  if (pool !== mark.pool || kind !== 'close') return;
  await booting.then((app) => app.close()).catch(() => undefined);
  channel.postMessage({ pool: mark.pool, kind: 'closed' } satisfies CloseMessage);
});

/**
 * A thread that took the place of another and could not make its application: that is no fault of
 * the task, which waits for the next thread. This one ends, with whatever it holds.
 */
function giveUp({ port }: RunOrder, error: unknown): never {
  const end = { text: null, error: packError(error), snooze: NEXT_BOOT, completion: undefined };
  port.postMessage({ kind: 'end', end } satisfies RunNews);
  return process.exit(1);
}

/** What the pool calls, one order at a time. */
export default async function perform(order: ThreadOrder): Promise<unknown> {
  if (order.list) return (await booting).names();
  const app = await booting.catch((error: unknown) => giveUp(order, error));
  return app.run(order);
}
