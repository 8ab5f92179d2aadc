const CONCURRENCIES = [100, 200, 500];
const NO_BULK = 'it has no bulk enqueue';

/**
 * What is measured, in the order of the table. `tries` are the settings of which the fastest in W4
 * is used to drain, `idle` and `sleepers` those of W5 and W9, `polls` the milliseconds between two
 * polls, `cannot` what a row cannot do and why, `label` its name and store in the chart, if it is there.
 */
export const ROWS = [
  ours({
    id: 'sitq-relaxed',
    label: ['sitq', 'SQLite'],
    title: 'sitq, SQLite relaxed',
    store: 'sqlite',
    options: { durability: 'relaxed' },
    durability: 'WAL, synchronous NORMAL: survives the process, not always the power cut',
    tries: CONCURRENCIES,
  }),
  ours({
    id: 'sitq-full',
    label: ['sitq', 'SQLite, fsync'],
    title: 'sitq, SQLite full',
    store: 'sqlite',
    options: { durability: 'full' },
    durability: 'WAL, synchronous FULL: survives the power cut',
    tries: CONCURRENCIES,
  }),
  ours({
    id: 'sitq-postgres',
    label: ['sitq', 'PostgreSQL'],
    title: 'sitq, PostgreSQL',
    store: 'postgres',
    options: { durability: 'full' },
    tries: [200, 500, 1000],
  }),
  peer({
    id: 'plainjob',
    label: ['plainjob', 'SQLite'],
    title: 'plainjob',
    store: 'sqlite',
    durability: 'WAL, synchronous NORMAL',
    settings: 'a worker runs one task at a time, no results',
    tries: [1, 4],
    polls: 1000,
  }),
  peer({
    id: 'liteque',
    label: ['liteque', 'SQLite'],
    title: 'liteque',
    store: 'sqlite',
    durability: 'WAL, synchronous NORMAL',
    settings: 'deletes what is completed, no results',
    tries: [1, 10, 100],
    polls: 1000,
    cannot: { W3: NO_BULK },
  }),
  peer({
    id: 'sidequest',
    label: ['Sidequest', 'SQLite, fsync'],
    title: 'Sidequest, SQLite',
    store: 'sqlite',
    durability: 'WAL, synchronous FULL',
    settings: 'in process, inline, results stored',
    newerNode: true,
    tries: [10, 100],
    polls: 100,
    cannot: { W3: NO_BULK },
  }),
  peer({
    id: 'pg-boss',
    label: ['pg-boss', 'PostgreSQL'],
    title: 'pg-boss',
    store: 'postgres',
    settings: 'batches of 2,000 completed as one, no results',
    newerNode: true,
    options: { notify: false },
    tries: [{ concurrency: 2000 }, { concurrency: 4000, fetchers: 2 }],
    sleepers: { concurrency: 100, fetchers: 4 },
    polls: 2000,
  }),
  peer({
    id: 'pg-boss-notify',
    title: 'pg-boss with notify',
    store: 'postgres',
    adapter: 'pg-boss',
    settings: 'as pg-boss, woken by LISTEN and NOTIFY',
    newerNode: true,
    options: { notify: true },
    tries: [{ concurrency: 2000 }, { concurrency: 4000, fetchers: 2 }],
    sleepers: { concurrency: 100, fetchers: 4 },
  }),
  peer({
    id: 'graphile-worker',
    title: 'graphile-worker',
    store: 'postgres',
    settings: 'deletes what is completed, no results',
    newerNode: true,
    options: { batching: false },
    tries: [10, 24],
  }),
  peer({
    id: 'graphile-worker-batching',
    label: ['graphile-worker', 'PostgreSQL'],
    title: 'graphile-worker, local queue, batching',
    store: 'postgres',
    adapter: 'graphile-worker',
    settings: 'localQueue 500, batch delays 0; deletes what is completed, no results',
    newerNode: true,
    options: { batching: true },
    tries: [10, 24, 100],
  }),
  peer({
    id: 'bullmq',
    label: ['BullMQ', 'Redis'],
    title: 'BullMQ, Redis without a log',
    store: 'redis',
    storeOptions: { appendonly: 'no' },
    durability: 'appendonly no: a crash of Redis loses everything',
    settings: 'results stored',
    tries: CONCURRENCIES,
  }),
  peer({
    id: 'bullmq-everysec',
    label: ['BullMQ', 'Redis, AOF'],
    title: 'BullMQ, Redis everysec',
    store: 'redis',
    adapter: 'bullmq',
    storeOptions: { appendonly: 'yes' },
    durability: 'appendonly yes, appendfsync everysec: a power cut loses a second',
    settings: 'results stored',
    tries: CONCURRENCIES,
  }),
  peer({
    id: 'nestjs-bullmq',
    label: ['@nestjs/bullmq', 'Redis'],
    title: '@nestjs/bullmq, Redis without a log',
    store: 'redis',
    tables: 'bullmq',
    storeOptions: { appendonly: 'no' },
    durability: 'appendonly no: a crash of Redis loses everything',
    settings: 'results stored',
    tries: CONCURRENCIES,
  }),
  limit({
    id: 'raw-sqlite-relaxed',
    limitOf: 'sitq-relaxed',
    title: 'better-sqlite3 alone, relaxed',
    store: 'sqlite',
    options: { durability: 'relaxed' },
    durability: 'WAL, synchronous NORMAL',
  }),
  limit({
    id: 'raw-sqlite-full',
    limitOf: 'sitq-full',
    title: 'better-sqlite3 alone, full',
    store: 'sqlite',
    options: { durability: 'full' },
    durability: 'WAL, synchronous FULL',
  }),
  limit({ id: 'raw-postgres', limitOf: 'sitq-postgres', title: 'pg alone', store: 'postgres' }),
];

function ours(row) {
  return complete({ group: 'sitq', adapter: 'sitq', settings: 'results stored', ...row });
}

function peer(row) {
  return complete({ group: 'peer', ...row });
}

/** The statements of sitq without sitq: the limit of one row, which is only compared with that. */
function limit(row) {
  const settings = 'the same rows by the driver alone, no handlers';
  return complete({ group: 'limit', adapter: 'raw', tables: 'sitq', settings, tries: [0], ...row });
}

function complete({ tries, ...row }) {
  return {
    adapter: row.id,
    options: {},
    storeOptions: {},
    idle: { concurrency: 10 },
    sleepers: { concurrency: 100 },
    cannot: {},
    ...row,
    tries: tries.map((each) => (typeof each === 'number' ? { concurrency: each } : each)),
  };
}
