import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BackendError } from '../../errors/backend.error.js';

/**
 * The path of a module that is installed beside this package, beside the application or in the
 * working directory: in a bundle there is no `import.meta.url`, or that of the machine that made it.
 *
 * @throws BackendError when it is in none of them.
 */
export function findModule(name: string): string {
  const own = import.meta.url as string | undefined;
  for (const place of [own, process.argv[1], join(process.cwd(), 'index.js')]) {
    try {
      if (place) return createRequire(place).resolve(name);
    } catch {
      // perhaps in the next one
    }
  }
  throw new BackendError(`the module ${name} cannot be found by its path`);
}
