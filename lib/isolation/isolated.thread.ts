import 'reflect-metadata';
import { BroadcastChannel } from 'node:worker_threads';
import {
  CLOSE_CHANNEL,
  THREAD_MODULE,
  type CloseMessage,
  type ThreadModule,
  type ThreadOrder,
} from '../worker/isolation/crossing.js';
import { IsolatedApp } from './isolated-app.js';

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

/** What the pool calls, one order at a time. */
export default async function perform(order: ThreadOrder): Promise<unknown> {
  const app = await booting;
  return order.list ? app.names() : app.run(order);
}
