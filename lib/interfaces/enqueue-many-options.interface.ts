import type { EnqueueOptions } from './enqueue-options.interface.js';

/**
 * Options of `enqueueMany`; those of an enqueue apply to every task.
 *
 * @publicApi
 */
export interface EnqueueManyOptions<
  Args extends readonly unknown[] = readonly unknown[],
> extends Omit<EnqueueOptions, 'id'> {
  /** Tasks per transaction, 1..10000; fewer where their arguments take more than 4 MiB. @default 1000 */
  chunkSize?: number;
  /** An id of your own for each task: doing it all again then changes nothing. @default a new UUIDv7 */
  id?: (args: Args, index: number) => string;
  /** Called after each chunk is stored, with the ids of its tasks in their order. */
  onChunk?: (ids: string[]) => void;
}
