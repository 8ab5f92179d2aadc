/** A handler on a class of which Nest makes no single instance at boot. */
export const notStatic = (origin: string, scope: string): string =>
  `@Task() on ${origin}: the provider is ${scope}, so there is no instance to call. Make it a ` +
  `singleton: remove the scope from it and from what it injects.`;

/** A handler on a provider that is registered, but not with a class. */
export const noInstance = (origin: string): string =>
  `@Task() on ${origin}: the provider was never instantiated. List the class in the providers or ` +
  `controllers of an imported module.`;

/** The same class in two modules gives two instances; the first one found runs the tasks. */
export const ranOnFirst = (origin: string, modules: string): string =>
  `${origin} is provided by several modules (${modules}); tasks run on the instance of the first.`;

export const workerOff = (handlers: number): string =>
  `This process only enqueues (worker: false); its ${handlers} handler(s) are not run here.`;

export const NO_TICKS =
  'This process only enqueues (worker: false): retention and the ticks of plugins are left to the ' +
  'processes with a worker.';
