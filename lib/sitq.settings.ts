import { readStoreSettings, STORE_OPTIONS } from './backends/typeorm/store-settings.js';
import type { StoreOptions } from './backends/typeorm/typeorm-backend-options.js';
import type { Backend } from './core/backend.js';
import { check } from './core/option-checks.js';
import { readOptions, requireObject, type OptionCheck } from './core/option-reader.js';
import type { Plugin } from './core/plugin.js';
import type { Serializer } from './core/serializer.js';
import { showOption, showValue } from './core/show-value.js';
import { ConfigurationError } from './errors/configuration.error.js';
import type { ModuleOptions } from './interfaces/sitq-options.interface.js';
import { parseRetention, type Retention } from './retention/retention-options.js';
import { transactionsCheck } from './transactions/transactions-option.js';
import type { WorkerOptions } from './interfaces/worker-options.interface.js';
import { readWorkerOptions } from './worker/worker-settings.js';

const LABEL = 'SitqModule.forRoot';

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

/** By its methods: the class `Backend` of a second copy of the package is another one. */
const backend = check.like<Backend>(
  'an instance of a class that extends Backend',
  'open',
  'close',
  'enqueueTask',
  'reserveTask',
  'getTask',
  'updateTaskStatus',
  'storeResult',
  'getResult',
);

const CHECKS = {
  worker,
  plugins,
  backend,
  serializer: check.like<Serializer>(
    'an object with serialize(value) and deserialize(text)',
    'serialize',
    'deserialize',
  ),
  retention,
  transactions: transactionsCheck,
};

/** What the module itself is told, and where tasks are kept. */
export interface SitqSettings {
  readonly given: ModuleOptions & { readonly backend?: Backend };
  readonly store: StoreOptions;
}

/** @throws ConfigurationError that names the option, the value and the remedy. */
export function readSitqOptions(options: unknown): SitqSettings {
  requireObject(LABEL, options, refuse);
  const own: Record<string, unknown> = {};
  const store: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    (STORE_OPTIONS.includes(name) ? store : own)[name] = value;
  }
  const given = readOptions(LABEL, own, CHECKS, refuse, STORE_OPTIONS);
  const option = Object.keys(store).find((name) => store[name] !== undefined);
  if (given.backend && option !== undefined) {
    throw refuse(
      `${LABEL}: ${option} is ${showOption(option, store[option])}, but a backend was given too. Give ` +
        `${option} to the backend, or leave the backend out.`,
      option,
      store[option],
    );
  }
  if (typeof store.dataSource === 'string') throw refuseName(store.dataSource);
  if (!given.backend) readStoreSettings(LABEL, store);
  return { given, store: store as StoreOptions };
}

/** `forRoot` has put the DataSource in the place of its name already. */
function refuseName(name: string): ConfigurationError {
  return refuse(
    `SitqModule.forRootAsync: dataSource is ${showValue(name)}, but only forRoot takes a name. Let Nest ` +
      `inject it: { inject: [getDataSourceToken(${showValue(name)})], useFactory: (dataSource) => ` +
      `({ dataSource }) }.`,
    'dataSource',
    name,
  );
}

function refuse(message: string, option: string, value: unknown): ConfigurationError {
  return new ConfigurationError(message, option, value);
}
