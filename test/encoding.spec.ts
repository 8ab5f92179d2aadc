import { Injectable } from '@nestjs/common';
import { Task, TaskContext } from 'nestjs-sitq';
import { connect } from './app/databases/sql.js';
import { urlWith } from './app/databases/databases.js';
import type { ServerKind } from './app/databases/kinds.js';
import { serverKinds } from './app/databases/servers.js';
import { eventually } from './app/eventually.js';
import { Lines, startApp, type TestApp } from './app/start-app.js';
import { runCli } from './app/run-cli.js';
import { tempStore } from './app/temp-store.js';

const TEXT = 'naïve 任务 🎉';
const ESCAPED = String.raw`\u4efb\u52a1 \ud83c\udf89`;

@Injectable()
class Texts {
  constructor(private readonly run: TaskContext) {}

  @Task({ attempts: 1 })
  give(): object {
    return { text: TEXT, at: new Date(5) };
  }

  @Task({ attempts: 2, backoff: 1 })
  fail(): never {
    throw Object.assign(new Error(TEXT), { name: '失敗', code: '失' });
  }

  @Task({ attempts: 1 })
  report(): void {
    this.run.log(TEXT);
    this.run.progress(TEXT);
  }
}

/** Columns that cannot hold every character. */
describe.each(serverKinds())('on %s, what the database has no characters for', (kind) => {
  let app: TestApp;
  let url: string;
  beforeEach(async () => {
    url = await poorDatabase(kind);
    app = await startApp([Texts], { type: kind, url, worker: { lease: '5s' } });
  });

  test('is no reason for a result not to be stored, which keeps its value', async () => {
    const handle = await app.queue.for(Texts).give();
    expect(await handle.result({ timeout: '20s' })).toEqual({ text: TEXT, at: new Date(5) });
  });

  test('is escaped in errors, also while the task waits for its next attempt', async () => {
    const { id } = await app.queue.for(Texts).fail();
    const result = await app.queue.getResult(id, { timeout: '20s' });
    expect(result).toMatchObject({ status: 'failed', error: expect.stringContaining(ESCAPED) });
    expect((await app.queue.getTask(id))!.attempt).toBe(2);
  });

  test('is escaped in lines and kept in progress', async () => {
    const handle = await app.queue.for(Texts).report();
    await handle.result({ timeout: '20s' });
    expect(await eventually(async () => (await app.queue.getTask(handle.id))!.progress)).toBe(TEXT);
    expect((await app.queue.getLog(handle.id))[0]!.line).toContain(ESCAPED);
  });

  test('is refused in arguments', async () => {
    if (kind !== 'postgres') return expect(app.lines).toBeInstanceOf(Lines);
    await expect(app.queue.enqueue('Texts.give', [TEXT])).rejects.toThrow(/encoding is not UTF8/);
  });

  test('is told at boot and by the doctor', async () => {
    const { out } = await runCli(['doctor', '--url', url]);
    if (kind !== 'postgres') return expect(out).toMatch(/^FAULT +storage/m);
    expect(app.lines.ofSitq.join()).toMatch(/encoding of the database is LATIN1, not UTF8/);
    expect(out).toMatch(/^warning +encoding +LATIN1/m);
  });
});

/** One with LATIN1, or whose tables somebody has converted. */
async function poorDatabase(kind: ServerKind): Promise<string> {
  const store = await tempStore(kind);
  const { url } = store.options as { url: string };
  const sql = await store.sql();
  try {
    if (kind !== 'postgres') {
      await runCli(['migrate', '--url', url]);
      const latin = 'longtext CHARACTER SET latin1';
      await sql.run(
        `ALTER TABLE sitq_task MODIFY result ${latin} NULL, MODIFY error ${latin} NULL`,
        `ALTER TABLE sitq_log MODIFY line ${latin} NOT NULL`,
        `ALTER TABLE sitq_progress MODIFY value ${latin} NOT NULL`,
      );
      return url;
    }
    const database = `${new URL(url).pathname.slice(1)}_l`;
    await sql.run(
      `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    databases.push(() => drop(url, database));
    return urlWith(url, { database });
  } finally {
    await sql.close();
  }
}

const databases: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const remove of databases) await remove();
});

async function drop(url: string, database: string): Promise<void> {
  const sql = await connect('postgres', urlWith(url, { database: 'postgres' }));
  await sql.run(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await sql.close();
}
