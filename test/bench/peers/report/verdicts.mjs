import { BARS } from './bars.mjs';
import { COLUMNS, figure } from './columns.mjs';
import { table } from './table.mjs';

/** Lines that tell which bars are reached; those that nothing was measured for are left out. */
export function verdicts(results) {
  const titles = new Map(results.rows.map(({ id, title }) => [id, title]));
  const lines = BARS.map((bar) => verdict(results, titles, bar)).filter(Boolean);
  return lines.length > 0 ? ['', ...table(['bars', '', ''], lines)] : [];
}

function verdict(results, titles, { column: id, row, least, below, ...against }) {
  const column = columnOf(id);
  const ours = figure(results, column, row);
  const { name, value } = otherSide(results, column, row, against);
  if (ours === undefined || value === undefined) return undefined;
  const ratio = ours / value;
  const reached = below === undefined ? ratio >= least : ratio < below;
  const bar = below === undefined ? least : `below ${below}`;
  return [
    `${id}  ${titles.get(row)} / ${titles.get(name) ?? name}`,
    ratio.toFixed(2),
    `(bar ${bar}${reached ? '' : ', missed'})`,
  ];
}

/** The best that there is to be compared with. */
function otherSide(results, column, row, { against, in: other, own, fixed, name }) {
  if (fixed) return { name, value: fixed };
  if (own) return { name: `its ${own}`, value: figure(results, columnOf(own), row) };
  const theirs = other ? columnOf(other) : column;
  const better = (a, b) => (column.less ? a - b : b - a);
  const [best] = against
    .map((each) => ({ name: each, value: figure(results, theirs, each) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => better(a.value, b.value));
  return best ?? {};
}

function columnOf(id) {
  return COLUMNS.find((column) => column.id === id);
}
