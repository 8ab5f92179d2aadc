import { dotText, widthOf } from './dot-font.js';

const FLAG = { width: 96, height: 72 };
const GAP = { x: 28, y: 44 };
const CELL = { width: FLAG.width + GAP.x, height: FLAG.height + GAP.y };
const MARGIN = 72;
const HEADER = 128;
const BOX = `width="${FLAG.width}" height="${FLAG.height}" rx="8"`;

/** Draws the sheet: a title and every picture with its name, about as many across as down. */
export function contactSheetSvg(names: string[], thumbnails: Buffer[], subtitle: string): string {
  const columns = Math.max(7, Math.ceil(Math.sqrt(names.length))); // room for the title
  const rows = Math.ceil(names.length / columns);
  const width = 2 * MARGIN + columns * CELL.width - GAP.x;
  const height = 2 * MARGIN + HEADER + rows * CELL.height - GAP.y;
  const cells = names.map((name, i) => {
    const x = MARGIN + CELL.width * (i % columns);
    const y = MARGIN + HEADER + CELL.height * Math.floor(i / columns);
    return `<g transform="translate(${x} ${y})">${cell(name, thumbnails[i]!)}</g>`;
  });
  return `
    <svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
      <defs>
        <linearGradient id="night" x2="0.4" y2="1">
          <stop stop-color="#1b2440" />
          <stop offset="1" stop-color="#0a0e1a" />
        </linearGradient>
        <clipPath id="round"><rect ${BOX} /></clipPath>
      </defs>
      <rect width="100%" height="100%" fill="url(#night)" />
      <path fill="#f4f6fb" d="${dotText('nestjs-sitq', MARGIN, MARGIN - 8, 7)}" />
      <path fill="#8fa3cf" d="${dotText(subtitle, MARGIN, MARGIN + 60, 3)}" />
      ${cells.join('')}
    </svg>`;
}

function cell(name: string, thumbnail: Buffer): string {
  const label = dotText(name, (FLAG.width - widthOf(name, 2)) / 2, FLAG.height + 12, 2);
  return `
    <image ${BOX} clip-path="url(#round)" href="data:image/png;base64,${thumbnail.toString('base64')}" />
    <rect ${BOX} fill="none" stroke="#fff" stroke-opacity="0.16" />
    <path fill="#8fa3cf" d="${label}" />`;
}
