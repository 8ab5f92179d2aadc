import { Injectable } from '@nestjs/common';
import { DoNotRetryError, Task, TaskContext, type TaskOptions } from 'nestjs-sitq';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { contactSheetSvg } from './contact-sheet.js';
import { sourceOf, thumbnailOf, WIDTHS } from './pictures.js';
import { settings } from './settings.js';

/**
 * A broken picture gets three tries. The limit itself is far higher, because being killed costs
 * the tasks that were running an attempt too, and this app may be killed as often as you like.
 */
const PATIENT: TaskOptions = {
  attempts: 100,
  backoff: (attempt) => (attempt < 3 ? '300ms' : false),
};

export interface Picture {
  readonly file: string;
  readonly bytes: number;
}

/** What runs in the background. Each handler may run twice: it writes the same file again. */
@Injectable()
export class ThumbnailTasks {
  constructor(private readonly run: TaskContext) {}

  @Task(PATIENT)
  async thumbnail(picture: string, width: number): Promise<Picture> {
    this.run.log(`attempt ${this.run.attempt}: ${picture}, ${width} pixels wide`);
    const source = sourceOf(picture);
    if (!source) throw new DoNotRetryError(`There is no picture '${picture}'.`);
    const svg = await readFile(source);
    if (isCutOff(svg)) throw new Error('The SVG ends in the middle: it has no </svg>.');
    this.run.progress(10);
    return this.write(thumbnailOf(picture, width), sharp(svg).resize(width));
  }

  @Task(PATIENT)
  async contactSheet(pictures: string[], subtitle: string): Promise<Picture> {
    const thumbnails: Buffer[] = [];
    for (const picture of pictures) {
      thumbnails.push(await readFile(thumbnailOf(picture, WIDTHS[0])));
      this.run.progress(Math.floor((50 * thumbnails.length) / pictures.length));
    }
    const svg = contactSheetSvg(pictures, thumbnails, subtitle);
    return this.write(join(settings.out, 'contact-sheet.png'), sharp(Buffer.from(svg)));
  }

  private async write(file: string, image: Sharp): Promise<Picture> {
    await mkdir(dirname(file), { recursive: true });
    const { size: bytes } = await image.png().toFile(file);
    this.run.progress(100);
    return { file, bytes };
  }
}

/**
 * Such files never get to sharp: librsvg may crash the whole process when it finds errors in two
 * of them at the same time (seen with sharp 0.35).
 */
function isCutOff(svg: Buffer): boolean {
  return svg.includes('<svg') && !svg.includes('</svg>');
}
