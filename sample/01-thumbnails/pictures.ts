import { readdirSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOME, settings } from './settings.js';

const FLAG_ICONS = dirname(fileURLToPath(import.meta.resolve('flag-icons/package.json')));

const flags = svgFiles(join(FLAG_ICONS, 'flags/4x3'));
const broken = svgFiles(join(HOME, 'broken')); // what every upload folder has some of

/** Widths of the thumbnails in pixels; the contact sheet shows the first. */
export const WIDTHS = [96, 320, 960] as const;

/** The pictures of a run, by name. */
export const pictures = [...flags.keys()].slice(0, settings.flags).concat([...broken.keys()]);

/** The SVG file of a picture. */
export function sourceOf(picture: string): string | undefined {
  return flags.get(picture) ?? broken.get(picture);
}

/** The PNG file of its thumbnail. */
export function thumbnailOf(picture: string, width: number): string {
  return join(settings.out, String(width), `${picture}.png`);
}

function svgFiles(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder)
      .sort()
      .map((file) => [parse(file).name, join(folder, file)]),
  );
}
