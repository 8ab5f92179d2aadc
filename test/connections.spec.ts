import { Injectable } from '@nestjs/common';
import { Task } from 'nestjs-sitq';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnServer } from './app/databases/own-server.js';
import { startPostgres } from './app/databases/postgres-server.js';
import type { Sql } from './app/databases/sql.js';
import { Census } from './app/census.js';
import { eventually } from './app/eventually.js';
import { startApp, type TestApp } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const POOL = 3;
/** Beside the pool: the one that listens, on PostgreSQL. */
const BESIDE = { postgres: 1, mysql: 0, mariadb: 0, sqlite: 0 };
/** Long enough for every kind of statement to be given up, some of them again and again. */
const TROUBLE = 25_000;
const PATIENCE = 90_000;

@Injectable()
class Mails {
  @Task()
  send(to: string): string {
    return to;
  }
}

/** What keeps the server from answering. Resolves to how it ends. */
type Trouble = (sql: Sql) => Promise<() => Promise<void>>;

const LOCK: Trouble = async (sql) => {
  if (sql.kind === 'postgres') await sql.run('BEGIN', 'LOCK TABLE sitq_task, sitq_worker');
  else await sql.run('LOCK TABLES sitq_task WRITE, sitq_worker WRITE');
  return () => sql.run(sql.kind === 'postgres' ? 'COMMIT' : 'UNLOCK TABLES');
};

/** Every commit waits for a standby that is not there. */
const NO_STANDBY: Trouble = async (sql) => {
  const reload = 'SELECT pg_reload_conf()';
  await sql.run(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`, reload);
  return () => sql.run('ALTER SYSTEM RESET synchronous_standby_names', reload);
};

interface Observed {
  readonly most: number;
  readonly enqueued: number;
  readonly refused: number;
  readonly completed: number;
}

/** Tasks are enqueued, run and looked at while the server does not answer, and after that. */
async function observe(store: Store, trouble: Trouble): Promise<Observed> {
  const app = await startApp([Mails], {
    ...store.options,
    poolSize: POOL,
    worker: { pollInterval: 500, lease: '4s' },
  } as Parameters<typeof startApp>[1]);
  const [counting, troubling] = await Promise.all([store.sql(), store.sql()]);
  await (await app.queue.for(Mails).send('first')).result({ timeout: PATIENCE });
  const census = new Census(counting, 2);
  const end = await trouble(troubling);
  const sent = await sendFor(app, TROUBLE);
  await end();
  const results = await Promise.all(
    sent.map(async ({ id, stored }) => {
      const wasRefused = !(await stored);
      // A second enqueue with the id of the first one is the same task.
      await eventually(async () => !wasRefused || (await sends(app, id)), PATIENCE);
      return app.queue
        .handle(id)
        .result({ timeout: PATIENCE })
        .then(() => wasRefused);
    }),
  );
  const most = await census.stop();
  await app.close();
  await Promise.all([counting.close(), troubling.close()]);
  return {
    most,
    enqueued: sent.length,
    refused: results.filter(Boolean).length,
    completed: results.length,
  };
}

async function sendFor(
  app: TestApp,
  ms: number,
): Promise<{ id: string; stored: Promise<boolean> }[]> {
  const giveUpAt = performance.now() + ms;
  const sent = [];
  for (let n = 0; performance.now() < giveUpAt; n += 1) {
    const id = `mail-${n}`;
    sent.push({ id, stored: sends(app, id) });
    app.queue.getTask('mail-0').catch(() => undefined);
    await sleep(200);
  }
  return sent;
}

function sends({ queue }: TestApp, id: string): Promise<boolean> {
  return queue
    .for(Mails, { id })
    .send(id)
    .then(
      () => true,
      () => false,
    );
}

describe('while the server does not answer it has no more connections than the pool', () => {
  const kinds = stores().filter((kind) => kind !== 'sqlite');
  const observed = new Map<string, Promise<Observed>>();
  let own: OwnServer | undefined;

  /** All at the same time: they mostly wait. */
  beforeAll(async () => {
    for (const kind of kinds) {
      observed.set(`a locked table on ${kind}`, observe(await tempStore(kind), LOCK));
    }
    if (kinds.includes('postgres')) {
      own = await startPostgres();
      const store = await own.createDatabase();
      observed.set('a missing standby on postgres', observe(store, NO_STANDBY));
    }
    await Promise.allSettled(observed.values());
  }, 2 * PATIENCE);
  afterAll(() => own?.close());

  test.each(
    kinds.flatMap((kind): [string, number][] => {
      const limit = POOL + BESIDE[kind];
      const locked: [string, number] = [`a locked table on ${kind}`, limit];
      return kind === 'postgres' ? [locked, ['a missing standby on postgres', limit]] : [locked];
    }),
  )('%s', async (what, limit) => {
    const { most, enqueued, completed, refused } = await observed.get(what)!;
    console.log(what, { most, enqueued, refused });
    expect(most).toBeLessThanOrEqual(limit);
    expect(completed).toBe(enqueued);
  });
});
