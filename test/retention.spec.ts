import { Injectable } from '@nestjs/common';
import { Task, type Plugin } from 'nestjs-sitq';
import { EightMethodsBackend } from './app/eight-methods.backend.js';
import { startApp } from './app/start-app.js';
import { tempFile } from './app/temp-file.js';

@Injectable()
class ChoreTasks {
  @Task()
  tidy(): string {
    return 'tidy';
  }

  @Task({ attempts: 1 })
  break(): never {
    throw new Error('broken');
  }
}

/** Resolves when every plugin has ticked once: plugins tick in turn. */
function onSecondTick(): { plugin: Plugin; ticked: Promise<void> } {
  let ticks = 0;
  let resolve!: () => void;
  const ticked = new Promise<void>((done) => (resolve = done));
  const tick = () => {
    ticks += 1;
    if (ticks === 2) resolve();
  };
  return { plugin: { name: 'counter', tick }, ticked };
}

test('tasks that ended longer ago than they are kept are removed', async () => {
  const database = tempFile();
  const before = await startApp([ChoreTasks], { database });
  const tidied = await before.queue.for(ChoreTasks).tidy();
  const broken = await before.queue.for(ChoreTasks).break();
  await tidied.result();
  await expect(broken.result()).rejects.toThrow('broken');
  await before.close();

  const { plugin, ticked } = onSecondTick();
  const { queue } = await startApp([ChoreTasks], {
    database,
    retention: { completed: 0, failed: '30d' },
    plugins: [plugin],
    worker: { pollInterval: 10 },
  });
  await ticked;
  expect(await queue.getTask(tidied.id)).toBeNull();
  expect((await queue.getTask(broken.id))?.status).toBe('failed');
});

test('a backend that cannot prune is refused at boot', async () => {
  const backend = new EightMethodsBackend();
  const options = { backend, database: undefined, retention: '7d' } as const;
  await expect(startApp([ChoreTasks], options)).rejects.toThrow(
    'retention is set, but EightMethodsBackend does not implement PruningBackend',
  );
});

test.each([['-1d'], [{ done: '1d' }], [{ failed: 'soon' }], [[]]])(
  '%j is refused',
  async (retention) => {
    await expect(startApp([ChoreTasks], { retention: retention as never })).rejects.toThrow(
      `Give a duration such as '7d', or { completed, failed, cancelled } of durations`,
    );
  },
);
