import { textOf } from '../../core/text-of.js';
import { ConfigurationError } from '../../errors/configuration.error.js';
import type { IsolationSettings } from './isolation-settings.js';

/** Why no thread can run the handlers of this module. */
export function refusedModule(settings: IsolationSettings, cause: unknown): ConfigurationError {
  const { export: name, module } = settings;
  return new ConfigurationError(
    `worker options: the module of isolation, ${name ? `${name} in ` : ''}${module}, cannot be ` +
      `used: ${textOf(cause)}. ${remedyFor(settings, cause)}`,
    'worker.isolation',
    module,
    { cause },
  );
}

function remedyFor({ maxHeap, module }: IsolationSettings, cause: unknown): string {
  if ((cause as { code?: unknown } | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return (
      `Raise isolation.maxHeap${maxHeap === undefined ? '' : ` of ${maxHeap} MB`}: a thread holds ` +
      `the application and what the process preloads.`
    );
  }
  if (/\.[cm]?tsx?$/.test(module)) {
    return (
      `A thread loads what Node can load by itself, whatever compiles files in the process: name ` +
      `the compiled file.`
    );
  }
  return (
    `It needs SitqModule.forRoot, of this nestjs-sitq and not of a copy in a bundle, and every ` +
    `provider whose handlers have isolate: true.`
  );
}
