import { Module } from '@nestjs/common';
import { SitqModule } from 'nestjs-sitq';
import { join } from 'node:path';
import { Gallery } from './gallery.js';
import { settings } from './settings.js';
import { TasksController } from './tasks.controller.js';
import { ThumbnailsController } from './thumbnails.controller.js';
import { ThumbnailTasks } from './thumbnails.tasks.js';

@Module({
  imports: [
    SitqModule.forRoot({
      database: join(settings.out, 'tasks.sqlite'),
      // libuv renders four pictures at once, so more tasks at once would only wait for it.
      worker: { concurrency: 4, lease: '5s' },
    }),
  ],
  controllers: [ThumbnailsController, TasksController],
  providers: [Gallery, ThumbnailTasks],
})
export class AppModule {}
