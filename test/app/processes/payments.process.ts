import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { SitqModule, WorkerHost } from '../../../lib/index.js';
import { answer, tell } from './parent.js';
import { Payments, payments } from './payments.js';
import { WORKER_CONFIG } from './process-tasks.js';
import type { WorkerConfig } from './protocol.js';

const config = JSON.parse(process.argv[2]!) as WorkerConfig;
const { store, worker } = config;
const reach = 'database' in store ? { type: 'better-sqlite3', ...store } : store;

/** A process that runs the handlers of `Payments`, with the tasks in the database of its rows. */
@Module({
  imports: [
    TypeOrmModule.forRoot({ ...reach, entities: [payments] } as DataSourceOptions),
    SitqModule.forRoot({ dataSource: 'default', worker }),
  ],
  providers: [Payments, { provide: WORKER_CONFIG, useValue: config }],
})
class PaymentsModule {}

const app = await NestFactory.createApplicationContext(PaymentsModule, {
  logger: ['error', 'warn'],
});
answer({
  stats: () => app.get(WorkerHost).stats(),
  release: (task: string) => app.get(Payments).release(task),
});
tell({ event: 'ready' });
