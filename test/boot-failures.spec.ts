import { TypeOrmBackend } from 'nestjs-sitq';
import { Child } from './app/processes/child.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

afterEach(() => Child.killAll());

test.each(stores())(
  'a boot that fails starts no worker and keeps nothing alive: %s',
  async (kind) => {
    const store = await tempStore(kind);
    const backend = new TypeOrmBackend(store.options);
    await backend.open();
    await backend.enqueueTask(waiting());
    const child = Child.failing('failing', store.options);
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(child.output.trim().split('\n')).toEqual([
      'constructor: in the constructor',
      'factory: in a factory',
      expect.stringMatching(/^dependency: Nest can't resolve dependencies/),
      'init: in onModuleInit',
      'bootstrap: in onApplicationBootstrap',
      expect.stringMatching(/^handler: @Task\(\) on WronglyMarked.run: attempts is 0/),
      expect.stringMatching(/^isolation: .*Isolated.run/),
      expect.stringMatching(/^twice: SitqModule.forRoot is imported 2 times \(by AppModule\)/),
      expect.stringMatching(/^listen: listen EADDRINUSE/),
      expect.stringMatching(/^host: listen EADDRINUSE/),
      'runs: 0',
    ]);
    expect(await backend.getTask('waiting')).toMatchObject({ status: 'queued', attempt: 0 });
    expect(await backend.listWorkers()).toEqual([]);
    await backend.close();
  },
);

function waiting() {
  const now = Date.now();
  return {
    id: 'waiting',
    name: 'waiting',
    queue: 'default',
    payload: '[[]]',
    priority: 0,
    eta: now,
    maxAttempts: null,
    timeout: null,
    backoff: null,
    meta: null,
    createdAt: now,
  };
}
