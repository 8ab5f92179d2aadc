import {
  BadRequestException,
  Controller,
  DefaultValuePipe,
  HttpCode,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
} from '@nestjs/common';
import { TaskQueue } from 'nestjs-sitq';
import { sourceOf } from './pictures.js';
import { ThumbnailTasks } from './thumbnails.tasks.js';

@Controller('thumbnails')
export class ThumbnailsController {
  constructor(private readonly queue: TaskQueue) {}

  /** Answers as soon as the task is stored; priority puts it ahead of the run. */
  @Post(':picture')
  @HttpCode(202)
  async enqueue(
    @Param('picture') picture: string,
    @Query('width', new DefaultValuePipe(2560), ParseIntPipe) width: number,
  ) {
    if (width < 1 || width > 4096) throw new BadRequestException('width goes from 1 to 4096');
    if (!sourceOf(picture)) throw new NotFoundException(`There is no picture '${picture}'.`);
    const { id } = await this.queue.for(ThumbnailTasks, { priority: 10 }).thumbnail(picture, width);
    return { id, result: `/tasks/${id}/result`, progress: `/tasks/${id}/progress` };
  }
}
