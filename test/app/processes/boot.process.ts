import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { SitqModule } from '../../../lib/index.js';
import type { StoreOptions } from '../stores.js';
import { answer, tell } from './parent.js';

let app: INestApplicationContext;

answer({
  boot: async (store: StoreOptions) => {
    app = await NestFactory.createApplicationContext(SitqModule.forRoot({ ...store }), {
      logger: ['error', 'warn'],
      abortOnError: false,
    });
  },
  close: () => app.close(),
});
setInterval(() => undefined, 60_000); // to be ended by its parent
tell({ event: 'ready' });
