import type { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from './errors/configuration.error.js';
import { SitqFirstModule } from './sitq-first.module.js';
import { NO_ROOT, severalRoots } from './sitq.messages.js';

/**
 * Several `forRoot` would be as many workers, each with the limits of one, and luck would decide
 * whose queue a class is given. `SitqModule` without it may be imported as often as one likes.
 *
 * @throws ConfigurationError
 */
export function requireOneRoot(modules: ModulesContainer): void {
  const all = [...modules.values()];
  const roots = all.filter(({ imports }) =>
    [...imports].some(({ metatype }) => metatype === SitqFirstModule),
  );
  if (roots.length === 1) return;
  if (roots.length === 0) throw new ConfigurationError(NO_ROOT, 'imports');
  const importers = all.filter(({ imports }) => roots.some((root) => imports.has(root)));
  const names = importers.map(({ metatype }) => metatype.name);
  throw new ConfigurationError(severalRoots(roots.length, names), 'imports');
}
