import type { Backend } from './core/backend.js';
import { isPruningBackend } from './core/capabilities/pruning-backend.js';
import type { Plugin } from './core/plugin.js';
import { ConfigurationError } from './errors/configuration.error.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { parseRetention } from './retention/retention-options.js';
import { RetentionPlugin } from './retention/retention.plugin.js';

/**
 * The plugins of the application, then those that its options ask for.
 *
 * @throws ConfigurationError when the backend cannot do what an option asks for.
 */
export function createPlugins(options: SitqOptions, backend: Backend): Plugin[] {
  const plugins = [...(options.plugins ?? [])];
  if (options.retention !== undefined) {
    if (!isPruningBackend(backend)) {
      throw new ConfigurationError(
        `SitqModule.forRoot: retention is set, but ${backend.constructor.name} does not implement ` +
          `PruningBackend. Implement it, or leave retention out.`,
        'retention',
        options.retention,
      );
    }
    plugins.push(new RetentionPlugin(backend, parseRetention(options.retention) ?? {}));
  }
  return plugins;
}
