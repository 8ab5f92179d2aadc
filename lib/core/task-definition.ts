import { ConfigurationError } from '../errors/configuration.error.js';
import type { TaskOptions } from './task-options.js';
import type { Handler } from './handler.js';
import { isMadeUp } from './made-up-name.js';
import { check } from './option-checks.js';
import { readOptions } from './option-reader.js';
import { DEFAULT_BACKOFF } from './retry-policy.js';

const CHECKS = {
  name: check.name(),
  queue: check.name(),
  attempts: check.integer(1, 1000),
  backoff: check.backoffOrFunction(),
  timeout: check.duration(1),
  priority: check.integer(-32768, 32767),
  concurrency: check.integer(1, 10_000),
  isolate: check.boolean(),
  retryIf: check.func<NonNullable<TaskOptions['retryIf']>>('a function of (error, task)'),
};

/**
 * Reads the options of `@Task()`.
 *
 * @throws ConfigurationError that names class, method, option, value and remedy.
 */
export function defineHandler(
  className: string,
  method: string,
  options: TaskOptions,
): Omit<Handler, 'invoke'> {
  const origin = `${className}.${method}`;
  const given = readOptions(
    `@Task() on ${origin}`,
    options,
    CHECKS,
    (message, option, value) => new ConfigurationError(message, option, value),
  );
  if (given.name === undefined && isMadeUp(className)) throw madeUp(className, method);
  return {
    name: given.name ?? origin,
    origin,
    queue: given.queue ?? 'default',
    priority: given.priority ?? 0,
    maxAttempts: given.attempts ?? 3,
    backoff: given.backoff ?? DEFAULT_BACKOFF,
    timeout: given.timeout ?? null,
    concurrency: given.concurrency ?? Infinity,
    isolate: given.isolate ?? false,
    retryIf: given.retryIf,
  };
}

function madeUp(className: string, method: string): ConfigurationError {
  const named = className === '' ? 'has no name' : `is named '${className}'`;
  return new ConfigurationError(
    `@Task() on ${className}.${method}: its class ${named}, as bundlers and minifiers make it: in ` +
      `another build that is another class, and tasks would run the wrong handler. Name the task: ` +
      `@Task({ name: 'MailTasks.${method}' }), or keep the names of classes (esbuild: keepNames, ` +
      `terser: keep_classnames).`,
    'name',
    className,
  );
}
