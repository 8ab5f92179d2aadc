import 'reflect-metadata';
import { monitorEventLoopDelay } from 'node:perf_hooks';
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
const lag = monitorEventLoopDelay({ resolution: 5 });
lag.enable();
answer({
  /** The longest pause of the event loop since the last time, in ms. */
  lag: () => {
    const { max } = lag;
    lag.reset();
    return max / 1e6;
  },
  stats: () => app.get(WorkerHost).stats(),
  close: () => app.close(),
});
tell({ event: 'ready' });
