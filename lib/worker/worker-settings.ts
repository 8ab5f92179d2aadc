import { check } from '../core/option-checks.js';
import { readOptions } from '../core/option-reader.js';
import { isolationCheck, type IsolationSettings } from './isolation/isolation-settings.js';
import { ConfigurationError } from '../errors/configuration.error.js';
import type { WorkerOptions } from '../interfaces/worker-options.interface.js';

const CHECKS = {
  queues: check.nonEmptyList(),
  concurrency: check.integer(1, 10_000),
  pollInterval: check.duration(10),
  shutdownTimeout: check.duration(0),
  lease: check.duration(1000),
  timeoutGrace: check.duration(0),
  maxBlocked: check.duration(0),
  yieldToApp: check.boolean(),
  isolation: isolationCheck,
};

/** Worker options with every default filled in; times in ms. */
export interface WorkerSettings {
  readonly queues: readonly string[] | undefined;
  readonly concurrency: number;
  readonly pollInterval: number;
  readonly shutdownTimeout: number;
  readonly lease: number;
  readonly timeoutGrace: number;
  readonly maxBlocked: number;
  readonly yieldToApp: boolean;
  readonly isolation: IsolationSettings | undefined;
}

/** @throws ConfigurationError that names the option, the value and the remedy. */
export function readWorkerOptions(options: WorkerOptions): WorkerSettings {
  const given = readOptions(
    'worker options',
    options,
    CHECKS,
    (message, option, value) => new ConfigurationError(message, `worker.${option}`, value),
  );
  return {
    queues: given.queues,
    concurrency: given.concurrency ?? 10,
    pollInterval: given.pollInterval ?? 1000,
    shutdownTimeout: given.shutdownTimeout ?? 15_000,
    lease: given.lease ?? 30_000,
    timeoutGrace: given.timeoutGrace ?? 10_000,
    maxBlocked: given.maxBlocked ?? 600_000,
    yieldToApp: given.yieldToApp ?? false,
    isolation: given.isolation,
  };
}
