import { Injectable } from '@nestjs/common';
import { Task, TypeOrmBackend, type ReservedTask } from 'nestjs-sitq';
import { clockOf } from '../lib/core/capabilities/clocked-backend.js';
import { currentProcess } from '../lib/core/process-identity.js';
import { HandlerRegistry } from '../lib/core/registry.js';
import { Claimer } from '../lib/worker/claimer.js';
import { OutageLog } from '../lib/worker/outage-log.js';
import { Slots } from '../lib/worker/slots.js';
import { readWorkerOptions } from '../lib/worker/worker-settings.js';
import { serverKinds } from './app/databases/servers.js';
import { Gate } from './app/gate.js';
import { Lines, startApp } from './app/start-app.js';
import { tempStore } from './app/temp-store.js';

const WORKER = 'worker-1';
const TASKS = 200;
const SLOTS = 2 * TASKS; // half of them are claimed at once
const LEASE = 60_000;

@Injectable()
class Chores {
  @Task()
  do(): void {
    // never called
  }
}

describe.each(serverKinds())('a claimer on %s', (kind) => {
  test('hands out nothing of what it had claimed when the registration was lost', async () => {
    const { module, queue } = await startApp([Chores], {
      ...(await tempStore(kind)).options,
      worker: false,
    });
    const backend = queue.backend as TypeOrmBackend;
    const handlers = module.get(HandlerRegistry, { strict: false }).all();
    await queue.enqueueMany(
      'Chores.do',
      Array.from({ length: TASKS }, () => []),
    );
    const { host, pid, identity } = currentProcess();
    await backend.registerWorker(
      {
        id: WORKER,
        host,
        pid,
        processIdentity: identity,
        version: '1.2.3',
        queues: null,
        handlers: ['Chores.do'],
        limits: {},
        concurrency: SLOTS,
      },
      { lease: LEASE, inFlight: 0, stuck: 0, lingering: {}, loopLag: null },
    );

    const begun = new Gate();
    const handedOut: ReservedTask[] = [];
    const claimer = new Claimer({
      backend,
      workerId: WORKER,
      slots: new Slots(SLOTS, handlers),
      settings: readWorkerOptions({ concurrency: SLOTS }),
      clock: clockOf(backend),
      outages: new OutageLog(WORKER, new Lines()),
      onTask: (task) => {
        handedOut.push(task);
        begun.open();
      },
      onLeaseLost: async () => undefined,
      onRest: () => undefined,
    });
    claimer.start();
    await begun.opened;
    const before = handedOut.length;
    claimer.letGo();
    await claimer.stop();
    expect((await queue.counts()).running).toBe(TASKS);
    expect(before).toBeLessThan(TASKS);
    expect(handedOut).toHaveLength(before);
  });
});
