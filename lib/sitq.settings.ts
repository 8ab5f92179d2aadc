import { Backend } from './core/backend.js';
import { check } from './core/option-checks.js';
import { readOptions, type OptionCheck } from './core/option-reader.js';
import type { Plugin } from './core/plugin.js';
import type { Serializer } from './core/serializer.js';
import { ConfigurationError } from './errors/configuration.error.js';
import type { SitqOptions } from './interfaces/sitq-options.interface.js';
import { parseRetention, type Retention } from './retention/retention-options.js';
import type { WorkerOptions } from './interfaces/worker-options.interface.js';
import { readWorkerOptions } from './worker/worker-settings.js';

const worker: OptionCheck<false | WorkerOptions> = {
  parse: (value) => {
    if (value === false) return false;
    if (typeof value !== 'object' || value === null) return undefined;
    readWorkerOptions(value); // refuses with the name of the inner option
    return value;
  },
  remedy: 'false, or an object of worker options',
};

const plugins: OptionCheck<Plugin[]> = {
  parse: (value) =>
    Array.isArray(value) && value.every((plugin) => typeof plugin?.name === 'string')
      ? (value as Plugin[])
      : undefined,
  remedy: 'a list of plugins, each with a name',
};

const retention: OptionCheck<Retention> = {
  parse: (value) => (parseRetention(value) === undefined ? undefined : (value as Retention)),
  remedy: `a duration such as '7d', or { completed, failed, cancelled } of durations`,
};

const backend: OptionCheck<Backend> = {
  parse: (value) => (value instanceof Backend ? value : undefined),
  remedy: 'an instance of a class that extends Backend',
};

const CHECKS = {
  worker,
  plugins,
  backend,
  database: check.text(`the path of a file, or ':memory:'`),
  durability: check.oneOf('full', 'relaxed'),
  migrate: check.boolean(),
  serializer: check.like<Serializer>(
    'an object with serialize(value) and deserialize(text)',
    'serialize',
    'deserialize',
  ),
  retention,
};

/** @throws ConfigurationError that names the option, the value and the remedy. */
export function readSitqOptions(options: unknown): SitqOptions {
  const given = readOptions(
    'SitqModule.forRoot',
    options,
    CHECKS,
    (message, option, value) => new ConfigurationError(message, option, value),
  );
  for (const option of ['database', 'durability', 'migrate'] as const) {
    if (given.backend && given[option] !== undefined) {
      throw new ConfigurationError(
        `SitqModule.forRoot: ${option} is ${String(given[option])}, but a backend was given too. ` +
          `Give ${option} to the backend, or leave the backend out.`,
        option,
        given[option],
      );
    }
  }
  return given;
}
