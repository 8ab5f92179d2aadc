import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule, WorkerHost } from '../../../lib/index.js';
import { AddedTasks } from './added-tasks.js';
import { LookupTasks } from './lookup-tasks.js';
import { handleOwnFile, type Handling } from './own-file.js';
import { answer, tell } from './parent.js';
import { ProcessTasks, WORKER_CONFIG } from './process-tasks.js';
import type { WorkerConfig } from './protocol.js';

/** A process that runs the handlers of `ProcessTasks`. */
@Module({})
class WorkerProcessModule {
  static with(config: WorkerConfig): DynamicModule {
    const { store, worker, ownDatabase } = config;
    const sitq = SitqModule.forRoot({ ...store, worker });
    const typeorm = () => TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:' });
    return {
      module: WorkerProcessModule,
      imports: [
        ...(ownDatabase === 'first' ? [typeorm()] : []),
        sitq,
        ...(ownDatabase === 'last' ? [typeorm()] : []),
      ],
      providers: [
        ProcessTasks,
        ...(config.release === 'new' ? [AddedTasks] : []),
        ...(ownDatabase ? [LookupTasks] : []),
        { provide: WORKER_CONFIG, useValue: config },
      ],
    };
  }
}

const config = JSON.parse(process.argv[2]!) as WorkerConfig;

/** A function, as there is no await outside of one in a bundle of CommonJS. */
async function main(): Promise<void> {
  if (config.waitForGo) {
    await new Promise<void>((go) => {
      process.once('message', () => go());
      tell({ event: 'loaded' });
    });
  }
  const app = await NestFactory.createApplicationContext(WorkerProcessModule.with(config), {
    logger: config.log ? ['error', 'warn', 'log'] : ['error', 'warn'],
  });
  app.enableShutdownHooks();
  answer({
    stats: () => app.get(WorkerHost).stats(),
    cpu: () => process.cpuUsage(),
    release: (task: string) => app.get(ProcessTasks).release(task),
    handleOwnFile: (how: Handling) => handleOwnFile(config.store, how),
    close: () => app.close(),
  });
  tell({ event: 'ready' });
}

void main();
