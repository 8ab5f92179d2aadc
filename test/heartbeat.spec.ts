import { writeFileSync } from 'node:fs';
import { eventually } from './app/eventually.js';
import type { Receipt } from './app/processes/protocol.js';
import { Scene } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';

const LEASE = 1000;
const options = { lease: LEASE, pollInterval: 100 };

describe.each(stores())('a handler that keeps the event loop busy (%s)', (kind) => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore(kind))));
  afterEach(() => scene.close());

  test.each([
    ['block', 'while there ran'],
    ['compute', 'because of'],
  ])(
    'for several leases is neither handed on nor run twice, and is named (%s)',
    async (what, why) => {
      const queue = await scene.queue();
      const sql = await scene.connect();
      const busy = await scene.worker('busy', options).ready();
      const gate = scene.path('gate');
      const task = await queue.enqueue<Receipt>(`ProcessTasks.${what}`, [gate]);
      await busy.handler('start', task.id);
      const second = await scene.worker('second', options).ready();
      const expiry = async () => {
        const [row] = await sql.query<{ expires_at: number }>(
          `SELECT expires_at FROM sitq_worker WHERE pid = ${busy.pid}`,
        );
        return Number(row?.expires_at);
      };
      const first = await expiry();
      await eventually(async () => (await expiry()) > first + 4 * LEASE);
      expect(await queue.getTask(task.id)).toMatchObject({ status: 'running', attempt: 1 });
      writeFileSync(gate, '');
      expect(await task.result({ timeout: '10s' })).toMatchObject({ worker: 'busy', lease: 1 });
      expect(second.ledger).toEqual([]);
      await eventually(async () => busy.output.includes('stood still'));
      expect(busy.output).toMatch(
        new RegExp(`stood still for \\d+\\.\\d s ${why} task ProcessTasks.${what} ${task.id}`),
      );
      expect(busy.output).toContain('The heartbeat thread kept the lease.');
      expect(await busy.ask('stats')).toMatchObject({ refused: 0 });
    },
  );

  test('for longer than maxBlocked is handed on, and can change nothing', async () => {
    const queue = await scene.queue();
    const endless = await scene.worker('endless', { ...options, maxBlocked: 2000 }).ready();
    const gate = scene.path('gate');
    const task = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
    await endless.handler('start', task.id);
    const second = await scene.worker('second', options).ready();
    await second.handler('start', task.id, 2);
    expect(endless.output).toMatch(/has stood still for \d+ s; its lease is let go/);
    writeFileSync(gate, '');
    await eventually(async () => (await endless.ask<{ refused: number }>('stats')).refused === 1);
    await second.ask('release', task.id);
    expect(await task.result({ timeout: '10s' })).toMatchObject({ worker: 'second', lease: 2 });
  });

  test('without a thread is handed on after the lease', async () => {
    const queue = await scene.queue();
    const busy = await scene.worker('busy', { ...options, maxBlocked: 0 }).ready();
    const gate = scene.path('gate');
    const task = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
    await busy.handler('start', task.id);
    const second = await scene.worker('second', options).ready();
    await second.handler('start', task.id, 2);
    writeFileSync(gate, '');
    await second.ask('release', task.id);
    expect(await task.result({ timeout: '10s' })).toMatchObject({ worker: 'second', lease: 2 });
  });
});
