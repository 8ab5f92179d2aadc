/**
 * What is done, in the order of the issue. `queued`: tasks that are there before; `tuned`: the best
 * setting of the row is found first; `multiple`: what a scaled count has to be a multiple of;
 * `adapter`: it runs on another adapter than the row's. W8 is the memory of W4.
 */
export const WORKLOADS = [
  { id: 'W1', title: 'enqueue, awaited one at a time', file: 'enqueue', count: 5000, together: 1 },
  {
    id: 'W2',
    title: 'enqueue, 100 at a time',
    file: 'enqueue',
    count: 20_000,
    together: 100,
    multiple: 100,
  },
  { id: 'W3', title: 'bulk, in thousands', file: 'bulk', count: 100_000, multiple: 1000 },
  {
    id: 'W4',
    title: 'drain 50,000',
    file: 'drain',
    count: 50_000,
    queued: 50_000,
    tuned: true,
  },
  {
    id: 'W5 same',
    title: 'pick-up on an idle queue, enqueued in the same process',
    file: 'latency',
    count: 200,
    where: 'here',
  },
  {
    id: 'W5 other',
    title: 'pick-up on an idle queue, enqueued in another process',
    file: 'latency',
    count: 200,
    where: 'elsewhere',
  },
  {
    id: 'W6',
    title: 'drain 50,000 of 1,000,000',
    file: 'drain',
    count: 50_000,
    queued: 1_000_000,
    tuned: true,
  },
  {
    id: 'W7',
    title: 'drain 100,000 by two processes',
    file: 'drain-by-two',
    count: 100_000,
    queued: 100_000,
    tuned: true,
  },
  {
    id: 'W9',
    title: '20,000 handlers of 5 ms, 100 at a time',
    file: 'drain',
    count: 20_000,
    queued: 20_000,
    takes: 5,
  },
  {
    id: 'W10',
    title: 'W4 through a Nest application',
    file: 'drain',
    count: 50_000,
    queued: 50_000,
    tuned: true,
    adapter: 'sitq-nest',
  },
  {
    // More tasks than in W4: they are through before a page was asked for often enough.
    id: 'W11',
    title: 'page of an application whose worker drains 200,000',
    file: 'http',
    count: 200_000,
    queued: 200_000,
    tuned: true,
    adapter: 'sitq-nest',
  },
  {
    id: 'W11 yield',
    title: 'W11 where the worker yields to the application, which drains 20,000',
    file: 'http',
    count: 20_000,
    queued: 20_000,
    tuned: true,
    yieldToApp: true,
    adapter: 'sitq-nest',
  },
];

/** Whether a row takes part. */
export function takesPart(row, { id, adapter }) {
  if (row.cannot[id]) return false;
  if (adapter) return row.group === 'sitq';
  return row.group !== 'limit' || ['W1', 'W2', 'W3', 'W4', 'W6'].includes(id);
}
