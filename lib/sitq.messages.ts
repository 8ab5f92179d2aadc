import { textOf } from './core/text-of.js';

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

/** Processes that are to share tasks have to say the same. */
export const tasksAreIn = (database: string): string => `Tasks are in ${database}`;

export const NO_TICKS =
  'This process only enqueues (worker: false): retention and the ticks of plugins are left to the ' +
  'processes with a worker.';

/** What is provided in the place of a class lacks one of its handlers. */
export const notProvided = (origin: string, className: string): string =>
  `@Task() on ${origin}: what is provided as ${className} has no such method, so its tasks wait. ` +
  `Give it one, or provide the class itself.`;

/** A class that stands in for another one names the same handler otherwise. */
export const otherName = (origin: string, name: string, className: string): string =>
  `@Task() on ${origin}: its name is '${name}', but it is provided as ${className}, whose handler ` +
  `has another name, which is what is enqueued. Leave the name out, or give both the same.`;

/** The name of the class may change with the build. */
export const doubtfulName = (name: string): string =>
  `The task name '${name}' looks like one that a bundler has changed; in another build it may be ` +
  `another class. Name the task: @Task({ name: '...' }).`;

/** By LazyModuleLoader, after the worker has told which handlers it has. */
export const loadedLate = ({ name, origin }: { name: string; origin: string }): string =>
  `@Task() on ${origin}: its module was loaded after the application had started, so this process ` +
  `does not run tasks named '${name}'. Import the module at boot.`;

export const NO_ROOT =
  'SitqModule is imported without options, but nowhere with them. Import SitqModule.forRoot() once, ' +
  'in the root module.';

/** Each `forRoot` makes a module of its own, even with the same options. */
export const severalRoots = (count: number, importers: readonly string[]): string =>
  `SitqModule.forRoot is imported ${count} times (by ${importers.join(', ')}): each would run a ` +
  `worker of its own, with limits of its own. Import it once, in the root module; TaskQueue can be ` +
  `injected everywhere, and other modules may import SitqModule without forRoot.`;

export const listenFailed = (error: unknown): string =>
  `The HTTP server does not listen (${textOf(error)}); no task is claimed until it does.`;

export const enqueuedUnknown = (name: string, origin: string): string =>
  `The task '${name}' was enqueued before ${origin} existed, without its queue and its priority. ` +
  `Enqueue it in onModuleInit or later, or by its class: queue.for(...).`;
