import { ROWS } from '../rows.mjs';

const OURS = ROWS.filter(({ group }) => group === 'sitq').map(({ id }) => id);
const PEERS = ROWS.filter(({ group }) => group === 'peer');
const EVERYBODY = PEERS.map(({ id }) => id);
const ON_POSTGRES = PEERS.filter(({ store }) => store === 'postgres').map(({ id }) => id);
const ON_REDIS = ['bullmq', 'bullmq-everysec'];
const PICK_UPS = ['W5 same p50', 'W5 same p99', 'W5 other p50', 'W5 other p99'];

/**
 * What sitq has to reach: `least` times, or less than `below` times, the best of `against` (in the
 * same column unless another one is named by `in`); or the same against another column of its own,
 * or against a fixed value.
 */
export const BARS = [
  bar('W1', 'sitq-relaxed', { against: ['plainjob'], least: 1.2 }),
  bar('W2', 'sitq-relaxed', { against: EVERYBODY, least: 4 }),
  bar('W3', 'sitq-relaxed', { against: ['plainjob'], least: 1.5 }),
  bar('W4', 'sitq-relaxed', { against: ['plainjob'], least: 7 }),
  bar('W4', 'sitq-relaxed', { against: ['bullmq'], least: 3.5 }),
  bar('W4', 'sitq-relaxed', { against: ['pg-boss'], least: 2 }),
  ...PICK_UPS.map((column) => bar(column, 'sitq-relaxed', { against: ON_REDIS, below: 1 })),
  bar('W6', 'sitq-relaxed', { own: 'W4', least: 0.9 }),
  bar('W7', 'sitq-relaxed', { own: 'W4', least: 1 }),
  bar('W8', 'sitq-relaxed', { against: ['nestjs-bullmq'], below: 1 }),
  bar('W8 Nest', 'sitq-relaxed', { against: ['nestjs-bullmq'], in: 'W8', below: 1 }),
  bar('W1', 'sitq-full', { against: ['bullmq'], least: 1 }),
  bar('W2', 'sitq-full', { against: ['bullmq-everysec'], least: 3 }),
  bar('W4', 'sitq-full', { against: ['sitq-relaxed'], least: 0.8 }),
  bar('W1', 'sitq-postgres', { against: ON_POSTGRES, least: 2 }),
  bar('W2', 'sitq-postgres', { against: ON_POSTGRES, least: 10 }),
  bar('W3', 'sitq-postgres', { against: ON_POSTGRES, least: 1.5 }),
  bar('W4', 'sitq-postgres', { against: ON_POSTGRES, least: 1.4 }),
  ...PICK_UPS.map((column) =>
    bar(column, 'sitq-postgres', { against: ['graphile-worker'], below: 1 }),
  ),
  bar('W6', 'sitq-postgres', { against: ON_POSTGRES, least: 1.4 }),
  ...OURS.map((row) => bar('W9', row, { fixed: 20_000, name: 'ideal', least: 0.9 })),
  ...OURS.map((row) => bar('W10', row, { own: 'W4', least: 0.9 })),
  ...OURS.map((row) => bar('W11 p99', row, { fixed: 20, name: '20 ms', below: 1 })),
];

function bar(column, row, rest) {
  return { column, row, ...rest };
}
