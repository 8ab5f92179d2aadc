import type { StoreSettings } from '../../store-settings.js';

const DEFAULT = 5;

/** How many connections a pool has at most. */
export function poolSizeOf({ connection }: StoreSettings): number {
  return typeof connection.poolSize === 'number' ? connection.poolSize : DEFAULT;
}
