import type { Finding } from '../backends/typeorm/doctor/finding.js';
import type { Terminal } from './terminal.js';

const LABELS = { well: 'ok', warning: 'warning', fault: 'FAULT', skipped: 'skipped' } as const;
const STYLES = { well: 'green', warning: 'yellow', fault: 'red', skipped: 'dim' } as const;

/** A line for each finding, in columns; below it what belongs to it. */
export function printFindings(findings: readonly Finding[], terminal: Terminal): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(9 + width + 2);
  for (const { check, state, text, remedy, lines = [] } of findings) {
    const label = terminal.paint(STYLES[state], LABELS[state].padEnd(9));
    terminal.print(`${label}${check.padEnd(width)}  ${text}`);
    if (remedy !== undefined) terminal.print(`${indent}${remedy}`);
    for (const line of lines) terminal.print(terminal.paint('dim', `${indent}  ${line}`));
  }
}
