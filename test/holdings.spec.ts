import { setTimeout as sleep } from 'node:timers/promises';
import { Holdings } from '../lib/backends/typeorm/dialect/server/holdings.js';
import type { ClaimedTask } from '../lib/backends/typeorm/dialect/server/server-database.js';

const WORKER = 'worker-1';
/** How long the claim is in doubt here, in ms. */
const DOUBT = 200;

const held = ['a', 'b', 'c'].map((id) => ({ id, lease: 1 }) as ClaimedTask);
const ids = (tasks: readonly ClaimedTask[]) => tasks.map(({ id }) => id);

describe('what a claim took whose reply was lost', () => {
  test('is found to the last task after a long outage, however few are asked for', async () => {
    const holdings = new Holdings(DOUBT);
    holdings.doubt(WORKER);
    await sleep(DOUBT + 50);
    const found: string[] = [];
    for (let claim = 0; claim < held.length; claim += 1) {
      found.push(...ids(await holdings.recover(WORKER, 1, async () => held)));
    }
    expect(found).toEqual(['a', 'b', 'c']);
  });

  test('may come true as long after the outage as after the claim', async () => {
    const holdings = new Holdings(DOUBT);
    holdings.doubt(WORKER);
    await sleep(DOUBT + 50);
    const away = new Error('the server is away');
    await expect(holdings.recover(WORKER, 3, () => Promise.reject(away))).rejects.toBe(away);
    expect(await holdings.recover(WORKER, 3, async () => [])).toEqual([]);
    let found: readonly ClaimedTask[] = [];
    for (let look = 0; look < 60 && found.length === 0; look += 1) {
      await sleep(50); // it is looked for once a second
      found = await holdings.recover(WORKER, 3, async () => held);
    }
    expect(ids(found)).toEqual(['a', 'b', 'c']);
  });
});
