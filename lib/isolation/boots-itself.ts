import { ConfigurationError } from '../errors/configuration.error.js';

/** The file of isolated handlers, or one that it imports, boots an application when it is loaded. */
export function bootsItself(): ConfigurationError {
  return new ConfigurationError(
    `worker options: the module of isolation boots an application of its own when it is loaded: ` +
      `each thread loads it, and would boot that one, too. Name the file of a module that does ` +
      `not lead to the one that calls NestFactory, or call that only if isMainThread of ` +
      `node:worker_threads.`,
    'worker.isolation',
  );
}
