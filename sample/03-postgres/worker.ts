import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule } from 'nestjs-sitq';
import { database } from './database.js';
import { OrderTasks } from './order.tasks.js';
import { endWithParent, tellParent } from './stage/parent.js';

/** Runs tasks. As many of these processes as you like, on as many machines as you like. */
@Module({
  imports: [
    TypeOrmModule.forRoot(database),
    SitqModule.forRoot({ dataSource: 'default', worker: { concurrency: 4, lease: '5s' } }),
  ],
  providers: [OrderTasks],
})
class WorkerModule {}

endWithParent();
const app = await NestFactory.createApplicationContext(WorkerModule, {
  logger: ['fatal', 'error', 'warn'],
});
app.enableShutdownHooks();
tellParent('ready');
