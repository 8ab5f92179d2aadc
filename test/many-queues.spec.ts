import { Injectable } from '@nestjs/common';
import { Task } from 'nestjs-sitq';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const QUEUES = 2000;
const NAMES = Array.from({ length: QUEUES }, (_, i) => `tenant-${i}`);

@Injectable()
class Tenants {
  @Task()
  serve(tenant: number): number {
    return tenant;
  }
}

/** More queues with tasks than one claim looks at. */
describe.each(stores())('thousands of queues on %s', (kind) => {
  test.each([
    ['every queue', undefined],
    ['a list of them', NAMES],
  ])('are all served by a worker of %s', async (_, queues) => {
    const store = await tempStore(kind);
    const { queue } = await startApp([Tenants], {
      ...store.options,
      worker: { queues, concurrency: 50 },
    });
    const later = NAMES.map((name) =>
      queue.enqueue('Tenants.serve', [0], { queue: name, delay: '1h' }),
    );
    await Promise.all(later);
    const handles = await Promise.all(
      NAMES.map((name, i) => queue.enqueue('Tenants.serve', [i], { queue: name, priority: 1 })),
    );
    const served = await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })));
    expect(served).toEqual(NAMES.map((__, i) => i));

    // What waits for an hour in all of them keeps nobody from the last one.
    const last = await queue.enqueue('Tenants.serve', [7], { queue: NAMES.at(-1)! });
    expect(await last.result({ timeout: '30s' })).toBe(7);
    expect(await queue.counts()).toMatchObject({ queued: QUEUES, running: 0 });
  });
});
