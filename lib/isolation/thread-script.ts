import { existsSync } from 'node:fs';
import { ConfigurationError } from '../errors/configuration.error.js';

/**
 * What each thread of isolated handlers runs.
 *
 * @throws ConfigurationError in a bundle, in which it is no file.
 */
export function threadScript(): URL {
  const own = import.meta.url as string | undefined; // there is none in CommonJS
  const script = own && new URL('./isolated.thread.js', own);
  if (script && existsSync(script)) return script;
  throw new ConfigurationError(
    `worker options: isolation needs nestjs-sitq in the files in which it is installed, as its ` +
      `threads load it again. Leave nestjs-sitq and @nestjs/* out of the bundle (externals), and ` +
      `give the module of isolation an entry of its own.`,
    'worker.isolation',
  );
}
