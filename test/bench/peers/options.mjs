import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ROWS } from './rows.mjs';
import { WORKLOADS, takesPart } from './workloads.mjs';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const MEASURED = 'W8'; // is measured in W4
/** Milliseconds after which a measurement counts for as far as it came. */
const LIMIT = 30_000;

/** What the command line asks for. */
export function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      stores: { type: 'string' },
      peers: { type: 'string' },
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' },
      chart: { type: 'boolean', default: false },
    },
  });
  const scale = number('scale', values.scale);
  const partial = values.only || values.stores || values.peers || scale !== 1;
  return {
    scale,
    rounds: number('rounds', values.rounds),
    // A trial is no result.
    json: values.json ?? `${RESULTS}${partial && !values.chart ? 'trial' : 'peers'}.json`,
    chart: values.chart,
    partial: Boolean(partial),
    ...chosen(values, scale),
  };
}

function chosen({ only, stores, peers }, scale) {
  const ids = list('only', only, [...WORKLOADS.map(shortId), MEASURED]);
  const kinds = list('stores', stores, ['sqlite', 'postgres', 'redis']);
  const names = list(
    'peers',
    peers,
    ROWS.filter(({ group }) => group === 'peer').map(({ id }) => id),
  );
  const rows = ROWS.filter(
    ({ id, group, store }) => kinds.includes(store) && (group !== 'peer' || names.includes(id)),
  );
  const workloads = WORKLOADS.filter(
    (each) => ids.includes(shortId(each)) || (each.id === 'W4' && ids.includes(MEASURED)),
  ).map((each) => scaled(each, scale));
  return { rows, workloads: workloads.filter((each) => rows.some((row) => takesPart(row, each))) };
}

function shortId({ id }) {
  return id.split(' ')[0];
}

function scaled(workload, scale) {
  const { multiple = 1, count, queued = 0 } = workload;
  const to = (value) => Math.ceil((value * scale) / multiple) * multiple;
  return { limit: LIMIT, ...workload, count: to(count), queued: to(queued) };
}

function list(name, text, known) {
  if (text === undefined) return known;
  const given = text.split(',');
  const unknown = given.filter((each) => !known.includes(each));
  if (unknown.length > 0) {
    throw new Error(`--${name} has '${unknown}'. Give some of ${[...new Set(known)].join(', ')}.`);
  }
  return given;
}

function number(name, text) {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--${name} is '${text}'. Give a number above 0.`);
}
