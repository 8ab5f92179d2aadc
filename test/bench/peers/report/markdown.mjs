import { COLUMNS, figure } from './columns.mjs';

/** The medians as a table for the README. */
export function markdown(results) {
  const columns = COLUMNS.filter(({ workload }) => results.figures[workload]);
  const rows = results.rows.map(({ id, title }) => [
    title,
    ...columns.map((column) => show(figure(results, column, id), column.unit)),
  ]);
  const said = rows.filter(([, ...cells]) => cells.some(Boolean));
  const head = ['', ...columns.map(({ id, unit }) => (unit === 'tasks/s' ? id : `${id}, ${unit}`))];
  const rule = ['---', ...columns.map(() => '---:')];
  return [head, rule, ...said].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function show(value, unit) {
  if (value === undefined) return '';
  return unit === 'ms' ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
