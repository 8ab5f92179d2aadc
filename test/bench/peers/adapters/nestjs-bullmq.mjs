import 'reflect-metadata';
import { BullModule, Processor, WorkerHost, getQueueToken } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectionOf, producer } from './bullmq.mjs';

const QUEUE = 'mail';

/** A Nest application with a queue and a processor, as the documentation has it. */
export const nestjsBullmq = {
  async open(store) {
    const app = await NestFactory.createApplicationContext(moduleOn(store), { logger: ['error'] });
    return {
      ...producer(app.get(getQueueToken(QUEUE))),
      worker: (options) => workerOn(app.get(MailProcessor), options),
      close: () => app.close(),
    };
  },
};

/** Not started by the application, whose own start is not measured. */
class MailProcessor extends WorkerHost {
  handler = async () => undefined;

  process({ data }) {
    return this.handler(data);
  }
}
Processor(QUEUE, { autorun: false })(MailProcessor);

function moduleOn(store) {
  function AppModule() {}
  Module({
    imports: [
      BullModule.forRoot({ connection: connectionOf(store) }),
      BullModule.registerQueue({ name: QUEUE }),
    ],
    providers: [MailProcessor],
  })(AppModule);
  return AppModule;
}

async function workerOn(processor, { concurrency, handler, onDone }) {
  const { worker } = processor;
  processor.handler = handler;
  worker.concurrency = concurrency;
  worker.on('completed', () => onDone(1));
  worker.on('error', console.error);
  await worker.waitUntilReady();
  return {
    async start() {
      void worker.run();
    },
    stop: () => worker.close(),
  };
}
