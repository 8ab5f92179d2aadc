import { portions } from '../server/portions.js';
import { OversizeError } from './oversize.error.js';

/** From 1000 on MariaDB makes another plan for a list. */
const MOST_IN_LIST = 500;

/** Does something with each part of a list, of which a statement can hold one. */
export async function inPortions<T>(
  items: readonly T[],
  perform: (part: readonly T[]) => Promise<void>,
): Promise<void> {
  for (const part of portions(items, () => 1, MOST_IN_LIST)) await halving(part, perform);
}

/** A statement that is too large for the server is known before it is sent. */
async function halving<T>(
  items: readonly T[],
  perform: (part: readonly T[]) => Promise<void>,
): Promise<void> {
  try {
    await perform(items);
  } catch (error) {
    if (!(error instanceof OversizeError) || items.length === 1) throw error;
    const middle = Math.ceil(items.length / 2);
    await halving(items.slice(0, middle), perform);
    await halving(items.slice(middle), perform);
  }
}
