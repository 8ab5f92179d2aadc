import { createConnection } from 'mysql2/promise';
import { TypeOrmBackend } from 'nestjs-sitq';
import { RawMysql } from './raw.mysql.mjs';

const SERVER = process.env.SITQ_BENCH_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test';
const templates = new Map();

/** Needs a server: `SITQ_BENCH_MYSQL_URL`, whose user may create databases. */
export const mysql = {
  name: `MySQL or MariaDB at ${new URL(SERVER).host}`,
  Raw: RawMysql,
  durabilities: ['full'],
  bars: { one: 0.7, hundred: 10, many: 0.5, drain: 0.6, deep: 0.9, processes: 1 },
  /** A hundred at a time is compared with single inserts: they share statements. */
  hundredAgainst: 1,
  /** Other processes poll. */
  pickUp: { same: [3, 20], other: [15, 40] },
  ones: { full: 3000 },
  concurrencies: [200, 500, 1000],
  rawBatch: 500,
  processes: [1, 2, 4],
  withStore,
  async close() {
    for (const template of templates.values()) await admin(`DROP DATABASE ${template}`);
    templates.clear();
  },
};

/** Runs `work` on a fresh database that has the tables of sitq and so many tasks, then removes it. */
async function withStore({ tasks = 0 }, work) {
  const name = await createDatabase();
  try {
    if (tasks > 0) await copyTasks(await templateOf(tasks), name);
    return await work({ type: 'mysql', url: urlOf(name) });
  } finally {
    await admin(`DROP DATABASE ${name}`);
  }
}

/** Sending a million rows again would take longer than to copy them. */
async function templateOf(tasks) {
  if (templates.has(tasks)) return templates.get(tasks);
  const name = await createDatabase();
  templates.set(tasks, name);
  const raw = await RawMysql.open({ url: urlOf(name) });
  await raw.enqueue(tasks, 1000);
  await raw.close();
  return name;
}

async function copyTasks(from, to) {
  await admin(
    `INSERT INTO ${to}.sitq_task SELECT * FROM ${from}.sitq_task ORDER BY seq`,
    `ANALYZE TABLE ${to}.sitq_task`, // as the server would have by then
  );
}

async function createDatabase() {
  const name = `sitq_bench_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  await admin(`CREATE DATABASE ${name}`);
  const backend = new TypeOrmBackend({ type: 'mysql', url: urlOf(name) });
  await backend.open();
  await backend.close();
  return name;
}

async function admin(...statements) {
  const connection = await createConnection(urlOf(''));
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

function urlOf(name) {
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  return url.href;
}
