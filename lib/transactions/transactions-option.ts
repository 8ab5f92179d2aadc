import type { EntityManager } from 'typeorm';
import type { OptionCheck } from '../core/option-reader.js';

/**
 * Which transactions of the application an enqueue joins without being told by `manager`.
 *
 * - `'explicit'`: none.
 * - `'join'`: the one that is under way in the TransactionHost of `@nestjs-cls/transactional`, whose
 *   adapter must be that of TypeORM.
 * - a function: the one of the EntityManager that it returns, for any other host. It is asked at
 *   each enqueue, in the context of the caller; an EntityManager that is in no transaction counts
 *   as none.
 *
 * @publicApi
 */
export type Transactions = 'explicit' | 'join' | (() => EntityManager | null | undefined);

/** The check of the option. */
export const transactionsCheck: OptionCheck<Transactions> = {
  parse: (value) =>
    value === 'explicit' || value === 'join' || typeof value === 'function'
      ? (value as Transactions)
      : undefined,
  remedy: `'explicit', 'join' or a function that returns an EntityManager or undefined`,
};
