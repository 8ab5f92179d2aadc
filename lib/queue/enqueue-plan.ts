import type { EntityManager } from 'typeorm';
import { MAX_DURATION } from '../core/duration.js';
import { check } from '../core/option-checks.js';
import { readOptions, type OptionCheck } from '../core/option-reader.js';
import { ValidationError } from '../errors/validation.error.js';
import type { EnqueueOptions } from '../interfaces/enqueue-options.interface.js';

/** What kind of object it is the store can tell, which also knows which ones lead to it. */
const manager: OptionCheck<EntityManager | null> = {
  parse: (value) => (typeof value === 'object' ? (value as EntityManager | null) : undefined),
  remedy: 'the EntityManager that dataSource.transaction() passes to its callback, or null',
};

const CHECKS = {
  eta: check.date(),
  delay: check.duration(0, MAX_DURATION),
  queue: check.name(),
  priority: check.integer(-32768, 32767),
  attempts: check.integer(1, 1000),
  backoff: check.backoff(),
  timeout: check.duration(1),
  id: check.name(),
  meta: check.stringMap(32, 1000),
  manager,
};

/** Enqueue options, read once however many tasks they are for. */
export interface EnqueuePlan {
  readonly id: string | undefined;
  readonly eta: number | undefined;
  readonly delay: number;
  readonly queue: string | undefined;
  readonly priority: number | undefined;
  readonly maxAttempts: number | null;
  readonly timeout: number | null;
  readonly backoff: string | null;
  readonly meta: string | null;
  /** Null: in no transaction of the application; undefined: in the one that is under way. */
  readonly manager: EntityManager | null | undefined;
}

const PLAIN: EnqueuePlan = {
  id: undefined,
  eta: undefined,
  delay: 0,
  queue: undefined,
  priority: undefined,
  maxAttempts: null,
  timeout: null,
  backoff: null,
  meta: null,
  manager: undefined,
};

/** @throws ValidationError that names the option, the value and the remedy. */
export function planEnqueue(label: string, options: EnqueueOptions | undefined): EnqueuePlan {
  if (options === undefined) return PLAIN;
  const given = readOptions(
    label,
    options,
    CHECKS,
    (message, option, value) => new ValidationError(message, option, value),
  );
  if (given.eta !== undefined && given.delay !== undefined) {
    throw new ValidationError(
      `${label}: eta and delay were both given. Give one of them.`,
      'delay',
      options.delay,
    );
  }
  return {
    id: given.id,
    eta: given.eta?.getTime(),
    delay: given.delay ?? 0,
    queue: given.queue,
    priority: given.priority,
    maxAttempts: given.attempts ?? null,
    timeout: given.timeout ?? null,
    backoff: given.backoff ? JSON.stringify(given.backoff) : null,
    meta: given.meta ? JSON.stringify(given.meta) : null,
    manager: given.manager,
  };
}
