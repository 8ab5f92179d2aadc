import type { WorkerOptions } from 'node:worker_threads';

/** What the thread may take of memory, in MB: it holds a driver and a number. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/** From this version of Node on each thread asks for the certificates of the system itself. */
const SYSTEM_CA_PER_THREAD = 24;
/** Options of Node by which its connections are made. */
const CONNECTING =
  /^--(tls-(min|max)-v|dns-result-order=|(no-)?network-family-autoselection|use-system-ca$)/;

/**
 * A thread without what the process preloads, by `-r` or NODE_OPTIONS, which a thread made of text
 * would load again: tracers and loaders need more memory than the whole of it.
 */
export function bareStart(): WorkerOptions {
  const { NODE_OPTIONS: more = '', ...env } = process.env;
  const options = [...process.execArgv, ...more.split(/\s+/)];
  return { execArgv: options.filter(isConnecting), env, resourceLimits: LIMITS };
}

function isConnecting(option: string): boolean {
  if (option === '--use-system-ca' && parseInt(process.versions.node) < SYSTEM_CA_PER_THREAD) {
    return false;
  }
  return CONNECTING.test(option);
}
