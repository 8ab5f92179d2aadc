import type { ReserveRequest } from './backend.js';

/** How many tasks of this queue and handler a request may get: the one rule of who takes what. */
export function roomFor(
  { queues, handlers }: Pick<ReserveRequest, 'queues' | 'handlers'>,
  queue: string,
  name: string,
): number {
  if (queues && !queues.includes(queue)) return 0;
  return handlers ? (handlers.get(name)?.free ?? 0) : Infinity;
}
