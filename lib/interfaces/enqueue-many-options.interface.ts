import type { EnqueueOptions } from './enqueue-options.interface.js';

/**
 * Options of `enqueueMany`; those of an enqueue apply to every task.
 *
 * @publicApi
 */
export interface EnqueueManyOptions extends Omit<EnqueueOptions, 'id'> {
  /** Tasks per transaction, 1..10000. @default 1000 */
  chunkSize?: number;
  /** Called after each chunk is stored, with the ids of its tasks in their order. */
  onChunk?: (ids: string[]) => void;
}
