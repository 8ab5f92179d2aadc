import type { Verdict } from './torture.js';

const HEAD = ['fault', 'database', 'cycles', 'tasks', 'lost', 'wrong', 'run again', 'recovery'];

/** The verdicts as a Markdown table; what a fault has to say of its own comes last. */
export function toTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    verdict.fault,
    verdict.db,
    String(verdict.cycles),
    String(verdict.tasks),
    String(verdict.lost),
    String(verdict.violations.length),
    `${verdict.repeated} per 100,000`,
    verdict.recovery
      ? `p50 ${seconds(verdict.recovery.p50)}, p99 ${seconds(verdict.recovery.p99)}`
      : '',
    Object.entries(verdict.figures)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', '),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = [...HEAD, ''];
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
