import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { mysql } from './databases/mysql.mjs';
import { postgres } from './databases/postgres.mjs';
import { sqlite } from './databases/sqlite.mjs';
import { drainByProcesses } from './drain.processes.mjs';
import { latency } from './latency.mjs';
import { oldSnapshot } from './old-snapshot.mjs';
import * as sitq from './sitq.mjs';
import { median } from './workspace.mjs';

const { values: options } = parseArgs({
  options: {
    db: { type: 'string', default: 'sqlite' },
    rounds: { type: 'string', default: '5' },
    backlog: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
  },
});
const ROUNDS = Number(options.rounds);
const BACKLOG = Number(options.backlog);
const DRAIN = 50_000;
const database = { sqlite, postgres, mysql }[options.db];
if (!database) throw new Error(`--db is '${options.db}'. Give sqlite, postgres or mysql.`);
const { Raw, bars, withStore } = database;

console.log(
  `${database.name}, Node ${process.version}, ${cpus().length} x ${cpus()[0].model}; medians of ` +
    `${ROUNDS}, tasks/s`,
);

const rows = [];
try {
  for (const durability of database.durabilities) {
    const ones = database.ones[durability];
    const { hundredAgainst = 100 } = database;
    await compare('enqueue, awaited one at a time', durability, bars.one, {
      sitq: (store) => sitq.enqueue(store, ones, 1),
      raw: (raw) => raw.enqueue(ones, 1),
    });
    await compare('enqueue, 100 at a time', durability, bars.hundred, {
      sitq: (store) => sitq.enqueue(store, 50_000, 100),
      raw: (raw) => raw.enqueue(hundredAgainst === 1 ? ones : 50_000, hundredAgainst),
    });
    await compare('enqueueMany in thousands', durability, bars.many, {
      sitq: (store) => sitq.enqueueMany(store, 100_000),
      raw: (raw) => raw.enqueue(100_000, 1000),
    });
    await drains(durability);
  }
  if (wanted('processes') && database.processes) await processes();
  // Ten minutes long, so only on request.
  if (options.only === 'snapshot') await oldSnapshot(database, Number(options.minutes));
  if (wanted('latency')) {
    for (const durability of database.durabilities) await latency(database, durability);
  }
} finally {
  await database.close();
}

/** Both sides in turn on fresh databases, so that a drift of the machine hits both. */
async function compare(what, durability, bar, { sitq: ours, raw: theirs, tasks = 0 }) {
  if (!wanted(what)) return;
  const rates = { sitq: [], raw: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.raw.push(
      await withStore({ durability, tasks }, async (store) => {
        const raw = await Raw.open(store);
        try {
          return await theirs(raw);
        } finally {
          await raw.close();
        }
      }),
    );
    rates.sitq.push(await withStore({ durability, tasks }, ours));
  }
  report(what, durability, median(rates.sitq), median(rates.raw), bar);
}

async function drains(durability) {
  if (!wanted('drain')) return;
  let concurrency = 0;
  let best = 0;
  for (const each of database.concurrencies) {
    const rate = await withStore({ durability, tasks: DRAIN }, (store) =>
      sitq.drain(store, DRAIN, each),
    );
    if (rate > best) [best, concurrency] = [rate, each];
  }
  await compare(`drain 50,000 (concurrency ${concurrency})`, durability, bars.drain, {
    tasks: DRAIN,
    sitq: (store) => sitq.drain(store, DRAIN, concurrency),
    raw: (raw) => raw.drain(DRAIN, database.rawBatch),
  });
  const shallow = rows.at(-1).ours;
  await compare(`drain 50,000 of ${BACKLOG.toLocaleString('en')}`, durability, bars.drain, {
    tasks: BACKLOG,
    sitq: (store) => sitq.drain(store, DRAIN, concurrency),
    raw: (raw) => raw.drain(DRAIN, database.rawBatch),
  });
  report('  deep backlog against shallow', durability, rows.at(-1).ours, shallow, bars.deep);
}

/** How many processes drain faster than one. */
async function processes() {
  const rates = new Map();
  for (const count of database.processes) {
    const all = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      all.push(
        await withStore({ tasks: 2 * DRAIN }, (store) => drainByProcesses(store, 2 * DRAIN, count)),
      );
    }
    rates.set(count, median(all));
    const what = `drain 100,000 by ${count} process${count === 1 ? '' : 'es'}`;
    const bar = count === database.processes.at(-1) ? bars.processes : 0;
    report(what, 'full', rates.get(count), rates.get(1), bar, 'one');
  }
}

function wanted(what) {
  return !options.only || what.startsWith(options.only);
}

function report(what, durability, ours, theirs, bar, other = 'raw') {
  rows.push({ what, durability, ours, theirs, bar });
  const ratio = ours / theirs;
  const number = (value) => Math.round(value).toLocaleString('en').padStart(9);
  const verdict = bar ? `  (bar ${bar}${ratio >= bar ? '' : ', missed'})` : '';
  console.log(
    `${durability.padEnd(8)}${what.padEnd(36)} sitq ${number(ours)}  ${other} ${number(theirs)}  ` +
      `ratio ${ratio.toFixed(2)}${verdict}`,
  );
}
