import { check } from '../core/option-checks.js';
import { readOptions, requireObject } from '../core/option-reader.js';
import { ValidationError } from '../errors/validation.error.js';
import type { EnqueueManyOptions } from '../interfaces/enqueue-many-options.interface.js';
import { planEnqueue, type EnqueuePlan } from './enqueue-plan.js';

const NAME = check.name();
const CHECKS = {
  chunkSize: check.integer(1, 10_000),
  id: check.func<NonNullable<EnqueueManyOptions['id']>>('a function of (args, index)'),
  onChunk: check.func<(ids: string[]) => void>('a function of (ids)'),
};

/** Options of `enqueueMany`, read once. */
export interface BulkPlan {
  readonly chunkSize: number;
  readonly onChunk: ((ids: string[]) => void) | undefined;
  readonly manager: EnqueuePlan['manager'];
  readonly delay: number;
  /** What holds for the task of these arguments. */
  readonly planOf: (args: unknown, index: number) => EnqueuePlan;
}

/** @throws ValidationError that names the option, the value and the remedy. */
export function planBulk(label: string, options: EnqueueManyOptions = {}): BulkPlan {
  const refuse = (message: string, option: string, value: unknown) =>
    new ValidationError(message, option, value);
  requireObject(label, options, refuse);
  const { chunkSize, id, onChunk, ...shared } = options;
  const given = readOptions(label, { chunkSize, id, onChunk }, CHECKS, refuse);
  const plan = planEnqueue(label, shared);
  const idOf = given.id;
  const planOf = (args: unknown, index: number): EnqueuePlan => {
    const own = NAME.parse(idOf!(args as unknown[], index));
    if (own === undefined) throw refuse(`${label}: id must return ${NAME.remedy}.`, 'id', idOf);
    return { ...plan, id: own };
  };
  return {
    chunkSize: given.chunkSize ?? 1000,
    onChunk: given.onChunk,
    manager: plan.manager,
    delay: plan.delay,
    planOf: idOf ? planOf : () => plan,
  };
}
