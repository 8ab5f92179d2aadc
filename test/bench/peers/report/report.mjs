import { COLUMNS, figure } from './columns.mjs';
import { table } from './table.mjs';
import { verdicts } from './verdicts.mjs';

/** The results as text. */
export function report(results) {
  const columns = COLUMNS.filter(({ workload }) => results.figures[workload]);
  const ours = results.rows.filter(({ group }) => group === 'sitq');
  return [
    ...heading(results),
    ...medians(results, columns),
    ...ours.flatMap((row) => ratios(results, columns, row)),
    ...verdicts(results),
    ...settings(results),
  ].join('\n');
}

function heading({ machine, versions, rounds, scale, date, workloads, failures, leftOut }) {
  const there = Object.entries(versions).filter(([, version]) => version);
  const all = there.map(([name, version]) => `${name} ${version}`);
  const counts = scale === 1 ? '' : `, counts times ${scale}: a trial, not a result`;
  return [
    `${machine.cores} x ${machine.cpu}, ${machine.memory}, ${machine.system}; ${date}`,
    all.join(', '),
    ...workloads.map(({ id, title }) => `${id}  ${title}`),
    'W8  peak memory of the worker process in W4, of the Nest application in W10',
    ...failures.map(({ workload, row, message }) => `FAILED  ${workload} by ${row}: ${message}`),
    ...leftOut.map((title) => `LEFT OUT  ${title}`),
    '',
    `Medians of ${rounds}, tasks/s, ms and MB${counts}`,
    '~ not through in time: the rate as far as it came',
  ];
}

function medians(results, columns) {
  const head = ['', ...columns.map(({ id }) => id)];
  const rows = results.rows.map((row) => [
    row.title,
    ...columns.map((column) => mark(results, column, row.id) + show(results, column, row.id)),
  ]);
  return table(head, rows.filter(saysSomething));
}

/** This row by every other one, more than 1 being faster, but slower and larger in ms and MB. */
function ratios(results, columns, ours) {
  const head = [`${ours.title} /`, ...columns.map(({ id }) => id)];
  const others = results.rows.filter(
    ({ group, limitOf }) => group === 'peer' || (group === 'limit' && limitOf === ours.id),
  );
  const rows = others.map((row) => [
    row.title,
    ...columns.map((column) =>
      ratio(figure(results, column, ours.id), figure(results, column, row.id)),
    ),
  ]);
  return ['', ...table(head, rows.filter(saysSomething))];
}

function saysSomething([, ...cells]) {
  return cells.some((cell) => cell !== '-');
}

function settings({ rows }) {
  const lines = rows.map(({ title, durability, settings: how, setting, cannot, node }) => {
    const parts = [durability, how, setting && `drains with ${plain(setting)}`];
    const missing = Object.entries(cannot).map(([id, why]) => `no ${id}: ${why}`);
    return [`${title}: ${[...parts, ...missing, `Node ${node}`].filter(Boolean).join('; ')}`];
  });
  return ['', ...table(['settings'], lines)];
}

function plain(setting) {
  return Object.entries(setting)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** Whether a row was stopped by the time limit. */
function mark({ figures, workloads }, { workload, unit }, row) {
  const { count } = workloads.find(({ id }) => id === workload);
  const done = figures[workload][row]?.done?.median ?? count;
  return done < count && unit === 'tasks/s' ? '~' : '';
}

function show(results, column, row) {
  const value = figure(results, column, row);
  const { unit } = column;
  if (value === undefined) return '-';
  return unit === 'ms' ? value.toFixed(value < 10 ? 2 : 0) : Math.round(value).toLocaleString('en');
}

function ratio(ours, theirs) {
  if (ours === undefined || theirs === undefined) return '-';
  const value = ours / theirs;
  return value.toFixed(value < 10 ? 2 : 0);
}
