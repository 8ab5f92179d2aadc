import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { latency } from './latency.mjs';
import { Raw } from './raw.mjs';
import * as sitq from './sitq.mjs';
import { median, withDatabase } from './workspace.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    backlog: { type: 'string', default: '1000000' },
    only: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds);
const BACKLOG = Number(options.backlog);
const DRAIN = 50_000;
const CONCURRENCIES = [100, 200, 500];

console.log(
  `Node ${process.version}, ${cpus().length} x ${cpus()[0].model}; medians of ${ROUNDS}, tasks/s`,
);

const rows = [];
for (const durability of ['full', 'relaxed']) {
  await compare('enqueue, awaited one at a time', durability, 0.7, {
    sitq: (file) => sitq.enqueue(file, durability, durability === 'full' ? 3_000 : 20_000, 1),
    raw: (raw) => raw.enqueue(durability === 'full' ? 3_000 : 20_000, 1),
  });
  await compare('enqueue, 100 at a time', durability, 0.4, {
    sitq: (file) => sitq.enqueue(file, durability, 50_000, 100),
    raw: (raw) => raw.enqueue(50_000, 100),
  });
  await compare('enqueueMany in thousands', durability, 0.5, {
    sitq: (file) => sitq.enqueueMany(file, durability, 100_000),
    raw: (raw) => raw.enqueue(100_000, 1000),
  });
  await drains(durability);
}
if (wanted('latency')) await latency();

/** Both sides in turn on fresh databases, so that a drift of the machine hits both. */
async function compare(what, durability, bar, { sitq: ours, raw: theirs, before = () => {} }) {
  if (!wanted(what)) return;
  const rates = { sitq: [], raw: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.raw.push(
      await withDatabase(async (file) => {
        await before(file);
        const raw = new Raw(file, durability);
        try {
          return await theirs(raw);
        } finally {
          raw.close();
        }
      }),
    );
    rates.sitq.push(await withDatabase(async (file) => (await before(file), ours(file))));
  }
  report(what, durability, median(rates.sitq), median(rates.raw), bar);
}

async function drains(durability) {
  if (!wanted('drain')) return;
  let best = 0;
  for (const concurrency of CONCURRENCIES) {
    const rate = await withDatabase(async (file) => {
      await fill(file, DRAIN);
      return sitq.drain(file, durability, DRAIN, concurrency);
    });
    if (rate > best) [best, drains.concurrency] = [rate, concurrency];
  }
  const { concurrency } = drains;
  await compare(`drain 50,000 (concurrency ${concurrency})`, durability, 0.5, {
    before: (file) => fill(file, DRAIN),
    sitq: (file) => sitq.drain(file, durability, DRAIN, concurrency),
    raw: (raw) => raw.drain(DRAIN, 100),
  });
  const shallow = rows.at(-1).ours;
  await compare(`drain 50,000 of ${BACKLOG.toLocaleString('en')}`, durability, 0.5, {
    before: (file) => fill(file, BACKLOG),
    sitq: (file) => sitq.drain(file, durability, DRAIN, concurrency),
    raw: (raw) => raw.drain(DRAIN, 100),
  });
  report('  deep backlog against shallow', durability, rows.at(-1).ours, shallow, 0.9);
}

async function fill(file, count) {
  const raw = new Raw(file, 'relaxed');
  await raw.enqueue(count, 1000);
  raw.close();
}

function wanted(what) {
  return !options.only || what.startsWith(options.only);
}

function report(what, durability, ours, theirs, bar) {
  rows.push({ what, durability, ours, theirs, bar });
  const ratio = ours / theirs;
  const number = (value) => Math.round(value).toLocaleString('en').padStart(9);
  console.log(
    `${durability.padEnd(8)}${what.padEnd(36)} sitq ${number(ours)}  raw ${number(theirs)}  ` +
      `ratio ${ratio.toFixed(2)}  (bar ${bar}${ratio >= bar ? '' : ', missed'})`,
  );
}
