import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * The same items, each drawn while the one before it is made use of. An error comes in its turn.
 * Whoever stops early does not wait for the item that was drawn ahead.
 */
export async function* oneAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    let drawn = items.next();
    for (;;) {
      const { done, value } = await drawn;
      if (done) return;
      drawn = drawLater(items);
      drawn.catch(() => undefined); // is told when its turn comes
      yield value;
    }
  } finally {
    items.return(undefined).catch(() => undefined);
  }
}

/** Drawing takes time of its own: what is sent at the end of this turn must be on its way before. */
async function drawLater<T>(items: AsyncGenerator<T>): Promise<IteratorResult<T>> {
  await nextTurn();
  await nextTurn();
  return items.next();
}
