import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule } from 'nestjs-sitq';
import { database } from './database.js';
import { OrdersController } from './orders.controller.js';
import { endWithParent, tellParent } from './stage/parent.js';
import { StatsController } from './stats.controller.js';

/** Takes orders and enqueues; runs no tasks itself. */
@Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, synchronize: true }),
    SitqModule.forRoot({ dataSource: 'default', worker: false }),
  ],
  controllers: [OrdersController, StatsController],
})
class ApiModule {}

endWithParent();
const app = await NestFactory.create(ApiModule, {
  logger: ['fatal', 'error', 'warn'],
  forceCloseConnections: true, // a client that goes on asking would keep it open
});
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 0);
tellParent((await app.getUrl()).replace('[::1]', 'localhost'));
