import { writeFileSync } from 'node:fs';
import { panel, PANEL } from './panel.mjs';
import { LIGHT, DARK } from './themes.mjs';

const WIDTH = 800;
const TOP = 52;
const BOTTOM = 44;
const FONT = `system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif`;
const LEGEND =
  'fsync, PostgreSQL: every commit is on the disk. SQLite: synchronous = NORMAL. Redis: no log; ' +
  'AOF: a log, on the disk every second.';
const PANELS = [
  { workload: 'W1', title: 'Enqueue, awaited one at a time' },
  { workload: 'W2', title: 'Enqueue, 100 at a time' },
  { workload: 'W3', title: 'Enqueue in bulk, in thousands' },
  { workload: 'W4', title: 'Run, one worker process' },
];

/** Draws what was measured, beside the file that has it, for a light page and for a dark one. */
export function drawCharts(results, json) {
  const panels = PANELS.map((each) => ({ ...each, bars: barsOf(results, each.workload) }));
  for (const theme of [LIGHT, DARK]) {
    const file = `${json.replace(/\.json$/, '')}-${theme.name}.svg`;
    writeFileSync(
      file,
      draw(
        results,
        theme,
        panels.filter(({ bars }) => bars.length > 0),
      ),
    );
    console.log(`Drawn to ${file}`);
  }
}

/** The longest first. */
function barsOf({ rows, figures }, workload) {
  return rows
    .filter(({ id, label }) => label && figures[workload]?.[id])
    .map(({ id, label, group }) => {
      const value = figures[workload][id].rate.median;
      return { label, value, ours: group === 'sitq' };
    })
    .sort((a, b) => b.value - a.value);
}

function draw(results, theme, panels) {
  const heights = [];
  for (let i = 0; i < panels.length; i += 2) {
    heights.push(Math.max(...panels.slice(i, i + 2).map(({ bars }) => PANEL.height(bars.length))));
  }
  const topOf = (row) => TOP + heights.slice(0, row).reduce((sum, height) => sum + height, 0);
  const height = topOf(heights.length) + BOTTOM;
  const drawn = panels.map((each, i) =>
    panel(theme, { ...each, x: (i % 2) * (WIDTH - PANEL.width), y: topOf(Math.floor(i / 2)) }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONT}" role="img" aria-label="Tasks per second of sitq and other task queues">
<text x="0" y="20" font-size="17" font-weight="600" fill="${theme.text}">Tasks per second, the longer the better</text>
${drawn.join('\n')}
<text x="0" y="${height - 24}" font-size="11" fill="${theme.muted}">${LEGEND}</text>
<text x="0" y="${height - 8}" font-size="11" fill="${theme.muted}">${footer(results)}</text>
</svg>
`;
}

function footer({ rounds, machine, versions, rows, date, scale }) {
  const ours = rows.find(({ group }) => group === 'sitq');
  const databases = ['SQLite', 'PostgreSQL', 'Redis']
    .filter((name) => versions[name])
    .map((name) => `${name} ${versions[name].split(' ')[0]}`);
  const parts = [
    scale === 1 ? `Medians of ${rounds} runs` : 'A TRIAL, not a result',
    `${machine.cores} cores`,
    `Node ${ours.node.slice(1)}`,
    ...databases,
    date,
  ];
  return parts.join(' · ');
}
