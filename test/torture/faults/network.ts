import { setTimeout as sleep } from 'node:timers/promises';
import { createStore } from '../../app/stores.js';
import { TcpProxy } from '../../app/tcp-proxy.js';
import { LEASE } from '../arena.js';
import { SERVERS, type Fault } from '../fault.js';

/** How long a request is waited for whose reply is to be cut off, in ms. */
const PATIENCE = 2000;
/** Parts of requests that commit: an enqueue, a claim, an outcome. */
const CUTS_ON_POSTGRES = ['sitq_insert', 'SKIP LOCKED', 'settled AS'];
const CUTS_ON_MYSQL = ['INSERT INTO', 'COMMIT', 'UPDATE'];

/** Between the processes and the server: replies are lost, connections cut, frozen or slow. */
export const network: Fault = {
  name: 'network',
  title: 'replies cut off after commits, connections cut, half-open for three leases, or slow',
  kinds: SERVERS,
  async play(arena) {
    const store = await createStore(arena.kind);
    if (!('url' in store.options)) throw new Error(`${arena.kind} has no network.`);
    const proxy = await TcpProxy.to(store.options.url);
    arena.afterwards(() => proxy.close());
    await arena.open({ through: { ...store.options, url: proxy.url } }, store);
    let cut = 0;
    const cutOff = (text: string) => async () => {
      const done = proxy.cutAfter(text).then(() => (cut += 1));
      await Promise.race([done, sleep(PATIENCE)]);
    };
    const weathers = [
      ...(arena.kind === 'postgres' ? CUTS_ON_POSTGRES : CUTS_ON_MYSQL).map(cutOff),
      async () => proxy.cut(),
      async () => {
        proxy.freeze();
        await sleep(3 * LEASE);
        proxy.thaw();
      },
      async () => {
        proxy.delay(arena.between(50, 300));
        await sleep(1500);
        proxy.delay(0);
      },
    ];
    await arena.cycles(async (n) => {
      await arena.pass(200, 800);
      await weathers[n % weathers.length]!();
    });
    return { 'replies cut off': cut };
  },
};
