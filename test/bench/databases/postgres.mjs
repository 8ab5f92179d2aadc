import { Client } from 'pg';
import { TypeOrmBackend } from 'nestjs-sitq';
import { RawPostgres } from './raw.postgres.mjs';

const SERVER = process.env.SITQ_BENCH_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const templates = new Map();

/** Needs a server: `SITQ_BENCH_POSTGRES_URL`, whose role may create databases. */
export const postgres = {
  name: 'PostgreSQL',
  Raw: RawPostgres,
  durabilities: ['full'],
  bars: { one: 0.7, hundred: 10, many: 0.5, drain: 0.6, deep: 0.9, processes: 1 },
  /** A hundred at a time is compared with single inserts: they share statements. */
  hundredAgainst: 1,
  pickUp: { same: [3, 20], other: [3, 20] },
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
async function withStore({ durability = 'full', tasks = 0 }, work) {
  const template = await templateOf(tasks);
  const name = unique();
  await admin(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  await admin('CHECKPOINT');
  try {
    return await work({ type: 'postgres', url: urlOf(name), durability });
  } finally {
    await admin(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

/** Filling is slow, copying is not. */
async function templateOf(tasks) {
  if (templates.has(tasks)) return templates.get(tasks);
  const name = unique();
  await admin(`CREATE DATABASE ${name}`);
  templates.set(tasks, name);
  const backend = new TypeOrmBackend({ type: 'postgres', url: urlOf(name) });
  await backend.open();
  await backend.close();
  if (tasks > 0) {
    const raw = await RawPostgres.open({ url: urlOf(name) });
    await raw.enqueue(tasks, 1000);
    await raw.client.query('VACUUM ANALYZE'); // as autovacuum would have by then
    await raw.close();
  }
  return name;
}

async function admin(statement) {
  const client = new Client(SERVER);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function unique() {
  return `sitq_bench_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
}

function urlOf(name) {
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  return url.href;
}
