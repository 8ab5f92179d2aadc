import type { Handler } from '../../core/handler.js';
import { ConfigurationError } from '../../errors/configuration.error.js';

/** There are no threads in which this handler could run. */
export function notIsolated({ origin }: Handler): ConfigurationError {
  return new ConfigurationError(
    `@Task() on ${origin} has isolate: true, but there is nowhere to isolate it. Name a module ` +
      `that has it: SitqModule.forRoot({ worker: { isolation: { module: ` +
      `new URL('./tasks.module.js', import.meta.url) } } }).`,
    'isolation',
    undefined,
  );
}
