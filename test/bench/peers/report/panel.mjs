const WIDTH = 388;
const LABELS = 174;
const VALUES = 62;
const ROW = 21;
const BAR = 13;
const HEAD = 26;
const GAP = 26;

/** The room that a panel takes. */
export const PANEL = { width: WIDTH, height: (bars) => HEAD + bars * ROW + GAP };

/** One workload: a bar for each row, ours in colour. */
export function panel(theme, { title, bars, x, y }) {
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - LABELS - VALUES;
  const lines = bars.map(({ label: [name, store], value, ours }, i) => {
    const top = HEAD + i * ROW;
    const width = Math.max(1.5, (room * value) / longest);
    const style = `font-weight="${ours ? 600 : 400}" fill="${ours ? theme.text : theme.muted}"`;
    const base = top + BAR / 2 + 4;
    return `<text x="0" y="${base}" font-size="12" ${style}>${name}<tspan dx="5" font-size="10.5" font-weight="400" fill="${theme.muted}">${store}</tspan></text>
<rect x="${LABELS}" y="${top}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${ours ? theme.ours : theme.theirs}"/>
<text x="${(LABELS + width + 6).toFixed(1)}" y="${base}" font-size="11.5" ${style}>${short(value)}</text>`;
  });
  return `<g transform="translate(${x} ${y})">
<text x="0" y="10" font-size="13" font-weight="600" fill="${theme.text}">${title}</text>
${lines.join('\n')}
</g>`;
}

/** Three digits say enough. */
function short(value) {
  const digits = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 2);
  return (Math.round(value / digits) * digits).toLocaleString('en');
}
