import 'reflect-metadata';
import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SitqModule, Task } from '../../../lib/index.js';
import type { StoreOptions } from '../stores.js';

/* A process whose handler closes its application, and which has nothing more to do then. */

const { store } = JSON.parse(process.argv[2]!) as { store: StoreOptions };
let app: INestApplicationContext;

@Injectable()
class Handlers {
  @Task({ name: 'close' })
  async close(): Promise<string> {
    console.log('closing');
    await app.close();
    console.log('closed');
    return 'closed';
  }
}

// In time for no deadline that a test would wait for.
const worker = { shutdownTimeout: '1h' } as const;

@Module({ imports: [SitqModule.forRoot({ ...store, worker })], providers: [Handlers] })
class AppModule {}

app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
