import 'reflect-metadata';
import { Injectable, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SitqModule, Task, type SitqOptions } from '../../../lib/index.js';
import type { StoreOptions } from '../stores.js';

/*
 * Boots applications that fail, each in its own way, and closes none of them: nobody has got
 * anything to close. Prints how each failed and how often a handler ran, and has nothing more to do.
 */

const { store } = JSON.parse(process.argv[2]!) as { store: StoreOptions };
const QUIET = { logger: false, abortOnError: false } as const;
let runs = 0;

@Injectable()
class Handlers {
  @Task({ name: 'waiting' })
  run(): void {
    runs += 1;
  }
}

@Injectable()
class ThrowsInConstructor {
  constructor() {
    throw new Error('in the constructor');
  }
}

@Injectable()
class ThrowsInInit {
  async onModuleInit(): Promise<void> {
    await nextTurn();
    throw new Error('in onModuleInit');
  }
}

@Injectable()
class ThrowsInBootstrap {
  async onApplicationBootstrap(): Promise<void> {
    await nextTurn();
    throw new Error('in onApplicationBootstrap');
  }
}

@Injectable()
class NeedsWhatIsNotThere {
  constructor(readonly missing: Map<string, string>) {}
}

@Injectable()
class WronglyMarked {
  @Task({ attempts: 0 })
  run(): void {}
}

@Injectable()
class Isolated {
  @Task({ isolate: true })
  run(): void {}
}

const failingFactory = {
  provide: 'failing',
  useFactory: async () => {
    for (let turn = 0; turn < 100; turn += 1) await nextTurn(); // the store is open by now
    throw new Error('in a factory');
  },
};

function rootOf(metadata: ModuleMetadata): Type {
  const { imports = [], providers = [] } = metadata;
  @Module({ imports: [SitqModule.forRoot(store), ...imports], providers: [Handlers, ...providers] })
  class AppModule {}
  return AppModule;
}

async function boot(metadata: ModuleMetadata): Promise<void> {
  await NestFactory.createApplicationContext(rootOf(metadata), QUIET);
}

async function listen(host?: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, () => resolve()));
  const { port } = server.address() as AddressInfo;
  const app = await NestFactory.create(rootOf({}), QUIET);
  try {
    await (host === undefined ? app.listen(port) : app.listen(port, host));
  } finally {
    server.close();
  }
}

const FAILURES: Readonly<Record<string, () => Promise<void>>> = {
  constructor: () => boot({ providers: [ThrowsInConstructor] }),
  factory: () => boot({ providers: [failingFactory] }),
  dependency: () => boot({ providers: [NeedsWhatIsNotThere] }),
  init: () => boot({ providers: [ThrowsInInit] }),
  bootstrap: () => boot({ providers: [ThrowsInBootstrap] }),
  handler: () => boot({ providers: [WronglyMarked] }),
  isolation: () => boot({ providers: [Isolated] }),
  twice: () => boot({ imports: [SitqModule.forRoot({ ...store, worker: {} } as SitqOptions)] }),
  listen: () => listen(),
  host: () => listen('127.0.0.1'),
};

for (const [name, fail] of Object.entries(FAILURES)) {
  const message = await fail().then(
    () => 'it did not fail',
    (error: Error) => error.message.split('\n')[0],
  );
  console.log(`${name}: ${message}`);
}
process.once('exit', () => console.log(`runs: ${runs}`));
