/** The figures of a row: the workload and the field that it comes from. `less` is better. */
export const COLUMNS = [
  rate('W1'),
  rate('W2'),
  rate('W3'),
  rate('W4'),
  milliseconds('W5 same', 'p50'),
  milliseconds('W5 same', 'p99'),
  milliseconds('W5 other', 'p50'),
  milliseconds('W5 other', 'p99'),
  rate('W6'),
  rate('W7'),
  { id: 'W8', workload: 'W4', field: 'mb', unit: 'MB', less: true },
  { id: 'W8 Nest', workload: 'W10', field: 'mb', unit: 'MB', less: true },
  rate('W9'),
  rate('W10'),
  milliseconds('W11', 'p99'),
  milliseconds('W11 yield', 'p99'),
  rate('W11 yield'),
];

/** The median of a column in a row; undefined where there is none. */
export function figure(results, column, row) {
  return results.figures[column.workload]?.[row]?.[column.field]?.median ?? undefined;
}

function rate(workload) {
  return { id: workload, workload, field: 'rate', unit: 'tasks/s', less: false };
}

function milliseconds(workload, field) {
  return { id: `${workload} ${field}`, workload, field, unit: 'ms', less: true };
}
