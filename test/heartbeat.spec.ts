import { writeFileSync } from 'node:fs';
import { serverKinds } from './app/databases/servers.js';
import type { Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import type { Child } from './app/processes/child.js';
import type { Receipt, WorkerConfig } from './app/processes/protocol.js';
import { Scene } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';
import { TcpProxy } from './app/tcp-proxy.js';

const LEASE = 1000;
const options = { lease: LEASE, pollInterval: 100 };

/** Until when the registration of a worker holds. */
async function expiryOf(sql: Sql, { pid }: Child<WorkerConfig>): Promise<number> {
  const [row] = await sql.query<{ expires_at: number }>(
    `SELECT expires_at FROM sitq_worker WHERE pid = ${pid}`,
  );
  return Number(row?.expires_at);
}

describe.each(stores())('a handler that keeps the event loop busy (%s)', (kind) => {
  let scene: Scene;
  beforeEach(async () => void (scene = new Scene(await createStore(kind))));
  afterEach(() => scene.close());

  test.each([
    ['block', 'while there ran'],
    ['compute', 'because of'],
    ['slice', 'while there ran'],
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
      const expiry = () => expiryOf(sql, busy);
      const first = await expiry();
      await eventually(async () => (await expiry()) > first + 4 * LEASE);
      expect(await queue.getTask(task.id)).toMatchObject({ status: 'running', attempt: 1 });
      writeFileSync(gate, '');
      expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'busy', lease: 1 });
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
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'second', lease: 2 });
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
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'second', lease: 2 });
  });
});

describe.each(serverKinds())('the thread beside a blocked event loop (%s)', (kind) => {
  let scene: Scene;
  let proxy: TcpProxy;
  beforeEach(async () => {
    const store = await createStore(kind);
    scene = new Scene(store);
    proxy = await TcpProxy.to((store.options as { url: string }).url);
  });
  afterEach(async () => {
    await scene.close();
    proxy.close();
  });

  async function lostReplies(busy: Child): Promise<void> {
    proxy.swallowReplies();
    await eventually(async () => busy.output.includes('its lease could not be extended'));
    proxy.passReplies();
  }

  test.each<[what: string, disturb: (busy: Child) => unknown]>([
    ['is not answered any more', lostReplies],
    ['is cut off', () => proxy.cut()],
  ])('keeps the lease by another connection when the first one %s', async (_what, disturb) => {
    const queue = await scene.queue();
    const sql = await scene.connect();
    const store = { type: kind, url: proxy.url };
    const busy = await scene.worker('busy', options, { store }).ready();
    const gate = scene.path('gate');
    const task = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
    await busy.handler('start', task.id);
    const extended = async (leases: number) => {
      const since = await expiryOf(sql, busy);
      await eventually(async () => (await expiryOf(sql, busy)) > since + leases * LEASE);
    };
    await extended(1);
    await disturb(busy);
    await extended(4);
    writeFileSync(gate, '');
    expect(await task.result({ timeout: '50s' })).toMatchObject({ worker: 'busy', lease: 1 });
    expect(await busy.ask('stats')).toMatchObject({ refused: 0 });
  });

  test('has the server wait for one lock at a time', async () => {
    const queue = await scene.queue();
    const [sql, other] = [await scene.connect(), await scene.connect()];
    const busy = await scene.worker('busy', options).ready();
    const gate = scene.path('gate');
    const task = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
    await busy.handler('start', task.id);
    const isPostgres = kind === 'postgres';
    if (isPostgres) await sql.run('BEGIN', 'LOCK TABLE sitq_worker');
    else await sql.run('LOCK TABLES sitq_worker WRITE');
    await eventually(async () => busy.output.includes('its lease could not be extended'));
    const waits = isPostgres
      ? `SELECT count(*) AS count FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`
      : `SELECT count(*) AS count FROM information_schema.processlist
         WHERE db = database() AND state LIKE 'Waiting for table%'`;
    let most = 0;
    const giveUpAt = Date.now() + 5 * LEASE;
    while (Date.now() < giveUpAt) {
      const [row] = await other.query<{ count: number }>(waits);
      most = Math.max(most, Number(row!.count));
    }
    await sql.run(isPostgres ? 'COMMIT' : 'UNLOCK TABLES');
    writeFileSync(gate, '');
    await task.result({ timeout: '50s' });
    // Beside that of the thread a claim and a sign of life, sent before the worker stood still. It
    // tries more often than that.
    expect(most).toBeLessThanOrEqual(3);
  });
});
