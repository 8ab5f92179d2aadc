import {
  Module,
  type INestApplicationContext,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { TaskQueue, WorkerHost } from 'nestjs-sitq';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { LAYOUTS, Parts, type Layout } from './app/layouts.js';
import { Lines, startApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

type Start = (metadata: ModuleMetadata) => Promise<INestApplicationContext>;

/** Ways to start an application. */
const STARTS: Readonly<Record<string, Start>> = {
  'a testing module': async (metadata) =>
    Test.createTestingModule(metadata)
      .compile()
      .then((module) => module.init()),
  'an application context': (metadata) =>
    NestFactory.createApplicationContext(rootOf(metadata), QUIET),
  'an application that listens': async (metadata) => {
    const app = await NestFactory.create(rootOf(metadata), QUIET);
    await app.listen(0);
    return app;
  },
  'an application that does not': async (metadata) =>
    (await NestFactory.create(rootOf(metadata), QUIET)).init(),
};

const QUIET = { logger: false, abortOnError: false } as const;

function rootOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

/** Boots with a task that waits already, closes while its handler runs, and tells what happened. */
async function live(start: Start, layout: Layout) {
  const database = tempFile();
  const { queue: onlooker } = await startApp([], { database, worker: false });
  const { id } = await onlooker.enqueue('held', []);
  const begun = new Gate();
  const mayEnd = new Gate();
  const parts = new Parts({ database }, { begun: begun.open, mayEnd: mayEnd.opened });
  const app = await start(layout(parts));
  parts.steps.all.push('ready');
  await begun.opened;
  const worker = app.get(WorkerHost, { strict: false });
  const closing = app.close();
  await eventually(async () => worker.stats()?.state === 'draining');
  mayEnd.open();
  await closing;
  expect(await onlooker.getTask(id)).toMatchObject({ status: 'completed', attempt: 1 });
  return parts.steps;
}

function expectOrder(steps: Parts['steps']): void {
  const [runBegins, runEnds] = [...steps.places(/^run begins/), ...steps.places(/^run ends/)];
  const booting = steps.places(/^(init|bootstrap) of .* ends/);
  const closing = steps.places(/^(destroy|before|shutdown) of .* begins/);
  expect(booting.length).toBeGreaterThan(0);
  expect(closing.length).toBeGreaterThan(0);
  expect({
    after: runBegins! > Math.max(...booting),
    before: runEnds! < Math.min(...closing),
    steps: steps.all,
  }).toMatchObject({ after: true, before: true });
}

describe('handlers run after every bootstrap hook has ended and before any destroy hook begins', () => {
  test.each(Object.keys(LAYOUTS))('%s', async (name) => {
    expectOrder(await live(STARTS['a testing module']!, LAYOUTS[name]!));
  });

  test.each(Object.keys(STARTS))('%s', async (name) => {
    expectOrder(await live(STARTS[name]!, LAYOUTS['a feature after']!));
  });
});

describe('an HTTP server that cannot listen', () => {
  test('stops the worker until it does', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, () => resolve()));
    const { port } = taken.address() as AddressInfo;
    const begun = new Gate();
    const parts = new Parts({ database: tempFile() }, { begun: begun.open, mayEnd: begun.opened });
    const imports = [parts.sitq()];
    const app = await NestFactory.create(
      rootOf({ imports, providers: [parts.handlers('root')] }),
      QUIET,
    );
    const worker = app.get(WorkerHost);
    await expect(app.listen(port)).rejects.toThrow('EADDRINUSE');
    await eventually(async () => worker.stats()?.state === 'stopped');
    const task = await app.get(TaskQueue).enqueue('held', []);
    expect(await task.status()).toBe('queued');

    await app.listen(0);
    await task.result({ timeout: '10s' });
    expect(worker.stats()?.state).toBe('running');
    await app.close();
    taken.close();
  });

  test('and then is closed while a handler still ends: no worker starts after that', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, () => resolve()));
    const { port } = taken.address() as AddressInfo;
    const begun = new Gate();
    const mayEnd = new Gate();
    const lines = new Lines();
    const parts = new Parts({ database: tempFile() }, { begun: begun.open, mayEnd: mayEnd.opened });
    const root = rootOf({ imports: [parts.sitq()], providers: [parts.handlers('root')] });
    const app = await NestFactory.create(root, { ...QUIET, logger: lines });
    await app.init();
    await app.get(TaskQueue).enqueue('held', []);
    await begun.opened;
    await expect(app.listen(port)).rejects.toThrow('EADDRINUSE');
    await app.listen(0); // the worker is to start again once that handler has ended
    const closing = app.close();
    mayEnd.open();
    await closing;
    expect(app.get(WorkerHost).stats()?.state).toBe('stopped');
    expect(lines.ofSitq.filter((line) => line.includes('runs 1 handler'))).toHaveLength(1);
    taken.close();
  });
});
