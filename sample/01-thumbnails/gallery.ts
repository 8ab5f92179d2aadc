import { Injectable } from '@nestjs/common';
import { TaskQueue, type Result } from 'nestjs-sitq';
import { pictures, WIDTHS } from './pictures.js';
import { ThumbnailTasks } from './thumbnails.tasks.js';

interface Thumbnail {
  /** Id of the task that makes it. */
  readonly id: string;
  readonly picture: string;
  readonly width: number;
}

/** A thumbnail whose task has ended. */
export interface Settled extends Thumbnail {
  readonly result: Result;
  readonly attempts: number;
}

export interface Report {
  /** Id of the task that made the contact sheet. */
  readonly id: string;
  readonly contactSheet: string;
  readonly completed: readonly Settled[];
  readonly failed: readonly Settled[];
}

/** Watches a run from outside. */
export interface Spectator {
  /** @param endedBefore how many of the tasks had ended when the run was interrupted */
  begin(run: string, total: number, endedBefore: number): void;
  /** A task has ended; one that had ended before is told once more. */
  ended(thumbnail: Settled): void;
}

/**
 * A run makes every thumbnail and then the contact sheet of them. How far it is, only the tasks
 * know: an id says what its task is for, and enqueueing an id again changes nothing. So a run that
 * was killed, wherever that was, is resumed by doing all of this once more.
 */
@Injectable()
export class Gallery {
  constructor(private readonly queue: TaskQueue) {}

  async run(spectator: Spectator): Promise<Report> {
    const run = await this.unfinishedRun();
    const thumbnails = pictures.flatMap((picture) =>
      WIDTHS.map((width) => ({ id: `${run}.${picture}.${width}`, picture, width })),
    );
    spectator.begin(run, thumbnails.length, await this.countEnded(thumbnails));

    await Promise.all(thumbnails.map((thumbnail) => this.enqueue(thumbnail)));
    const settled = await Promise.all(thumbnails.map((each) => this.follow(each, spectator)));

    const completed = settled.filter(({ result }) => result.status === 'success');
    const failed = settled.filter(({ result }) => result.status !== 'success');
    const id = sheetOf(run);
    return {
      id,
      contactSheet: await this.makeContactSheet(id, completed, failed),
      completed,
      failed,
    };
  }

  /** The first run without a contact sheet: the one that was interrupted, else a new one. */
  private async unfinishedRun(): Promise<string> {
    for (let number = 1; ; number += 1) {
      const run = `${pictures.length}-pictures.run-${number}`;
      const sheet = await this.queue.getTask(sheetOf(run));
      if (!sheet?.finishedAt) return run;
    }
  }

  private async countEnded(thumbnails: Thumbnail[]): Promise<number> {
    const tasks = await Promise.all(thumbnails.map(({ id }) => this.queue.getTask(id)));
    return tasks.filter((task) => task?.finishedAt).length;
  }

  private enqueue({ id, picture, width }: Thumbnail) {
    return this.queue.for(ThumbnailTasks, { id }).thumbnail(picture, width);
  }

  private async follow(thumbnail: Thumbnail, spectator: Spectator): Promise<Settled> {
    const result = await this.queue.getResult(thumbnail.id);
    const task = await this.queue.getTask(thumbnail.id);
    const settled = { ...thumbnail, result, attempts: task!.attempt };
    spectator.ended(settled);
    return settled;
  }

  /** What it is made of has ended for good, so it is the same task at every start. */
  private async makeContactSheet(id: string, completed: Settled[], failed: Settled[]) {
    const shown = completed.filter(({ width }) => width === WIDTHS[0]);
    const names = shown.map(({ picture }) => picture);
    const subtitle = `${names.length} flags - ${completed.length} thumbnails - ${failed.length} failed`;
    const sheet = await this.queue.for(ThumbnailTasks, { id }).contactSheet(names, subtitle);
    return (await sheet.result()).file;
  }
}

function sheetOf(run: string): string {
  return `${run}.contact-sheet`;
}
