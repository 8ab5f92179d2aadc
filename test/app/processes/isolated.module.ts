import { Module } from '@nestjs/common';
import { SitqModule } from '../../../lib/index.js';
import { IsolatedTasks, readConfig } from './isolated-tasks.js';

const { store, worker } = readConfig();

/** The module of the process, and of its threads. */
@Module({
  imports: [
    SitqModule.forRoot({
      ...store,
      worker: {
        ...worker,
        isolation: { module: import.meta.url, threads: 2, maxHeap: 64, ...worker?.isolation },
      },
    }),
  ],
  providers: [IsolatedTasks],
})
export class IsolatedModule {}
