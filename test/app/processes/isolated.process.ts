import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { WorkerHost } from '../../../lib/index.js';
import { CONFIG_VARIABLE } from './isolated-tasks.js';
import { answer, tell } from './parent.js';

/** A process whose `IsolatedTasks` run in threads. */
process.env[CONFIG_VARIABLE] = process.argv[2]!;
const { IsolatedModule } = await import('./isolated.module.js');
const app = await NestFactory.createApplicationContext(IsolatedModule, {
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
answer({ stats: () => app.get(WorkerHost).stats(), close: () => app.close() });
tell({ event: 'ready' });
