import { createNestApp } from '../../nest.mjs';
import { optionsOf, sitq, tellSettled } from './sitq.mjs';

/** The worker of a Nest application, with nothing of the engine beside it. */
export const sitqNest = {
  async open(store, options) {
    return {
      worker: (worker) => applicationOn(store, options, worker),
      async unfinished() {
        const session = await sitq.open(store, options);
        const count = await session.unfinished();
        await session.close();
        return count;
      },
    };
  },
};

async function applicationOn(store, { durability }, { concurrency, yieldToApp, handler, onDone }) {
  const options = { ...optionsOf(store, durability), worker: { concurrency, yieldToApp } };
  const { app, backend } = await createNestApp(options, handler);
  tellSettled(backend, onDone);
  return { app, start: () => app.init(), stop: () => app.close() };
}
